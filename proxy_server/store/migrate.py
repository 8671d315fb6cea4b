"""Brings the database to the newest schema; only one replica does so at a time."""

import asyncio
from pathlib import Path

import sqlalchemy as sa
import structlog

from proxy_server.store.database import Store
from proxy_server.store.schema import schema

_SCRIPTS = Path(__file__).parent / "migrations"
# taken from the file names, so that a start need not load Alembic
_NEWEST = max(script.stem for script in (_SCRIPTS / "versions").glob("[0-9]*.py"))[:4]
# after this time the log tells the operator why the server is not up yet
_SILENT_SECONDS = 3.0
_LOCK = 0x63656E74
_version = sa.Table(
    "alembic_version",
    sa.MetaData(),
    sa.Column("version_num", sa.String(32), primary_key=True),
)

log = structlog.get_logger()


async def migrate(store: Store) -> None:
    """Creates the schema, or runs the missing migrations; only those load Alembic.

    A schema newer than this version is left alone: migrations only add, so servers of the previous
    version keep working.
    """
    said = asyncio.get_running_loop().call_later(_SILENT_SECONDS, _say_that_it_takes_long)
    try:
        found = await store.read(_found)
        if is_newer(found):
            log.warning("database_is_newer", schema=found, known=_NEWEST)
        elif found != _NEWEST:
            await store.change_schema(_upgrade)
    finally:
        said.cancel()


def _say_that_it_takes_long() -> None:
    log.info("database_migrates", schema=_NEWEST)


def is_newer(found: str | None) -> bool:
    """Whether that schema number comes after the newest known one."""
    return found is not None and found.isdigit() and int(found) > int(_NEWEST)


def _found(connection: sa.Connection) -> str | None:
    """The schema version of the database; None if it has none."""
    if not sa.inspect(connection).has_table(_version.name):
        return None
    return connection.execute(sa.select(_version.c.version_num)).scalar()


def _upgrade(connection: sa.Connection) -> None:
    if connection.dialect.name == "postgresql":
        # On SQLite, the write transaction is such a lock already.
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    match _found(connection):
        case None:
            # tables without a version are not ours: this fails
            schema.create_all(connection, checkfirst=False)
            _version.create(connection, checkfirst=True)
            connection.execute(sa.insert(_version).values(version_num=_NEWEST))
        case found if found != _NEWEST and not is_newer(found):
            _run_migrations(connection)


def _run_migrations(connection: sa.Connection, until: str = "head") -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.attributes["connection"] = connection
    command.upgrade(config, until)
