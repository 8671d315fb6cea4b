"""Brings the database to the newest schema, once at a time however many replicas start."""

from pathlib import Path

import sqlalchemy as sa

from proxy_server.store.database import Store
from proxy_server.store.schema import schema

_SCRIPTS = Path(__file__).parent / "migrations"
_NEWEST = "0004"
_LOCK = 0x63656E74
_version = sa.Table(
    "alembic_version",
    sa.MetaData(),
    sa.Column("version_num", sa.String(32), primary_key=True),
)


async def migrate(store: Store) -> None:
    """Makes the schema, or runs the migrations that are missing: for those Alembic is loaded."""
    if await store.read(_found) != _NEWEST:
        await store.write(_upgrade)


def _found(connection: sa.Connection) -> str | None:
    """The version of the database's schema; None where it has none."""
    if not sa.inspect(connection).has_table(_version.name):
        return None
    return connection.execute(sa.select(_version.c.version_num)).scalar()


def _upgrade(connection: sa.Connection) -> None:
    if connection.dialect.name == "postgresql":
        # SQLite's write transaction is such a lock by itself.
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    match _found(connection):
        case None:
            # tables without a version are none of ours: that fails
            schema.create_all(connection, checkfirst=False)
            _version.create(connection, checkfirst=True)
            connection.execute(sa.insert(_version).values(version_num=_NEWEST))
        case older if older != _NEWEST:
            _run_migrations(connection)


def _run_migrations(connection: sa.Connection, until: str = "head") -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.attributes["connection"] = connection
    command.upgrade(config, until)
