"""Alembic's entry: it runs on the connection, and in the transaction, that it is given."""

from alembic import context

from proxy_server.store.schema import schema

context.configure(connection=context.config.attributes["connection"], target_metadata=schema)
context.run_migrations()
