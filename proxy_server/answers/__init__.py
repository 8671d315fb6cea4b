"""One answer from its prompt to its end, and all answers of a process together.

Imports `store`, `delivery`, `responders` and what is below them. Exports `Supervisor`,
`OutboxRelay` and the `Services` that they share.
"""
