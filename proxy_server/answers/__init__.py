"""One answer from prompt to end, and all answers of a process.

Imports `store`, `delivery`, `responders` and the rooms below them. Its public parts: `Supervisor`,
`OutboxRelay` and the `Services` that they share.
"""
