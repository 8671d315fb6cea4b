"""Brings the database to the newest schema, once at a time however many replicas start."""

from pathlib import Path

import sqlalchemy as sa

from proxy_server.store import Store

_SCRIPTS = Path(__file__).parent / "migrations"
_NEWEST = "0003"
_LOCK = 0x63656E74


async def migrate(store: Store) -> None:
    """Runs what is missing. Alembic is loaded only where something is."""
    if not await store.read(_is_newest):
        await store.write(_upgrade)


def _is_newest(connection: sa.Connection) -> bool:
    if not sa.inspect(connection).has_table("alembic_version"):
        return False
    return (
        connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar() == _NEWEST
    )


def _upgrade(connection: sa.Connection) -> None:
    from alembic import command
    from alembic.config import Config

    if connection.dialect.name == "postgresql":
        # SQLite's write transaction is such a lock by itself.
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
