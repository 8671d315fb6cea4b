"""One answer from its prompt to its end, and those of a process together.

Imports `store`, `delivery`, `responders` and what is below them. Its doors: `Supervisor`,
`OutboxRelay` and the `Services` that they share.
"""
