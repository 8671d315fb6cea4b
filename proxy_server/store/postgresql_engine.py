"""SQLAlchemy's engine for PostgreSQL, with or without a pooler in front of it."""

from functools import partial
from typing import Any

import asyncpg
import sqlalchemy as sa
import structlog
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from proxy_server.errors import StoreUnusable
from proxy_server.store.postgresql_url import parsed

# Behind a pooler, each transaction may run on another server connection, where a prepared statement
# is missing or belongs to another client. Unnamed statements are prepared each time.
_NOTHING_KEPT = {
    "statement_cache_size": 0,
    "prepared_statement_cache_size": 0,
    "prepared_statement_name_func": lambda: "",
}

log = structlog.get_logger()


def postgresql_engine(
    url: str, *, command_timeout: float | None, quiet: bool, **options: Any
) -> AsyncEngine:
    """Builds the engine. Raises StoreUnusable for a URL that cannot be honored.

    quiet: another pool of the same URL already logs the remarks.
    options: passed on to SQLAlchemy.
    """
    found = parsed(url)
    for remark in [] if quiet else found.remarks:
        log.warning("database_url", remark=remark)
    connect = partial(_connect, found.dsn, command_timeout=command_timeout, **found.arguments)
    engine = create_async_engine(
        "postgresql+asyncpg://",
        # errors are logged, and parameters contain prompts
        hide_parameters=True,
        connect_args={"async_creator_fn": connect},
        **options,
    )
    sa.event.listen(engine.sync_engine, "do_connect", _Pooler(found.pooled, quiet=quiet).prepare)
    return engine


async def _connect(dsn: str, **arguments: Any) -> Any:
    try:
        return await asyncpg.connect(dsn, **arguments)
    except asyncpg.TargetServerAttributeNotMatched as error:
        # during a failover: another try may find the wanted server
        raise ConnectionRefusedError(str(error)) from error
    except (asyncpg.ClientConfigurationError, ValueError, FileNotFoundError) as error:
        # raised before the server was asked anything; none of these texts contains the password
        said = str(error).partition("\n")[0]
        raise StoreUnusable(f"DATABASE_URL: {said}.") from error


class _Pooler:
    """Whether a pooler is in front of the database; asked once, on a separate connection."""

    def __init__(self, pooled: bool | None, *, quiet: bool) -> None:
        self._pooled = pooled
        self._quiet = quiet

    def prepare(
        self, dialect: sa.Dialect, _: object, arguments: list[Any], options: dict[str, Any]
    ) -> None:
        """SQLAlchemy's event before each new connection."""
        if self._pooled is None:
            first = dialect.connect(*arguments, **{**options, **_NOTHING_KEPT})
            try:
                self._pooled = _is_pooled(first)
            finally:
                first.close()
            if self._pooled and not self._quiet:
                log.info("database_pooler", note="prepared statements are not kept")
        if self._pooled:
            options.update(_NOTHING_KEPT)


def _is_pooled(connection: DBAPIConnection) -> bool:
    """A pooler makes up the process number that it gives to clients for canceling."""
    pid: int = connection.run_async(_known_pid)
    asked: int = connection.run_async(_asked_pid)
    return pid != asked


async def _known_pid(connection: Any) -> int:
    pid: int = connection.get_server_pid()
    return pid


async def _asked_pid(connection: Any) -> int:
    pid: int = await connection.fetchval("SELECT pg_catalog.pg_backend_pid()")
    return pid
