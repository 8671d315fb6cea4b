"""From us to Centrifugo: its server API, the queue of publications, what outages leave to do.

Imports `protocol` and `access`. Its doors: `ServerApi`, `Publisher`, `Announcements`.
"""
