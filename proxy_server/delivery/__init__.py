"""Delivery to Centrifugo: its server API, the queue of publications, repairs after outages.

Imports `protocol` and `access`. Its public parts: `ServerApi`, `Publisher`, `Announcements`.
"""
