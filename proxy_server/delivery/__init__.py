"""From us to Centrifugo: its server API, the queue of publications, repairs after outages.

Imports `protocol` and `access`. Exports `ServerApi`, `Publisher`, `Announcements`.
"""
