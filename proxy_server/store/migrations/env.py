"""Alembic's entry: runs on the given connection, in its transaction."""

from alembic import context

from proxy_server.store.schema import schema

context.configure(connection=context.config.attributes["connection"], target_metadata=schema)
context.run_migrations()
