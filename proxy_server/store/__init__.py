"""The database: one module a table, `turns` for transactions that hold several together.

Imports `protocol`; rows become values here. Its doors: `Store`, `Turns`, `Leases`, and the reads of
`messages`, `conversations` and `outbox`.
"""
