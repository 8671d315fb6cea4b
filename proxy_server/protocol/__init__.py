"""The values that clients receive, rows store and layers exchange; no behavior beyond that.

Imports msgspec and `errors`. Its public modules: `messages`, `chunks`, `publications`, `sessions`,
`requests`, `events` and `turns`.
"""
