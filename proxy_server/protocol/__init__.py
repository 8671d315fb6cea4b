"""What clients and stored rows hold, and what layers hand each other: values, and nothing else.

Imports msgspec and `errors`. Its doors are the modules: `messages`, `chunks`, `publications`,
`sessions`, `requests`, `events` and `turns`.
"""
