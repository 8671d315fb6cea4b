"""The database: one module per table, and `turns` for transactions over several tables.

Imports only `protocol`; rows become values here. Its public parts: `Store`, `Turns`, `Leases`, and
the reads of `messages`, `conversations` and `outbox`.
"""
