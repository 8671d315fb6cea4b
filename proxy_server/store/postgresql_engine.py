"""SQLAlchemy's engine for PostgreSQL, also where a pooler stands before it."""

from functools import partial
from typing import Any

import asyncpg
import sqlalchemy as sa
import structlog
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from proxy_server.errors import StoreUnusable
from proxy_server.store.postgresql_url import parsed

# Behind a pooler each transaction may meet another server: statements that were prepared before
# are not there, or are somebody else's. Those without a name are prepared anew each time.
_NOTHING_KEPT = {
    "statement_cache_size": 0,
    "prepared_statement_cache_size": 0,
    "prepared_statement_name_func": lambda: "",
}

log = structlog.get_logger()


def postgresql_engine(
    url: str, *, command_timeout: float | None, quiet: bool, **options: Any
) -> AsyncEngine:
    """quiet: another pool of the same URL logs its remarks; options: SQLAlchemy's.

    Raises StoreUnusable for a URL that cannot be honoured.
    """
    found = parsed(url)
    for remark in [] if quiet else found.remarks:
        log.warning("database_url", remark=remark)
    connect = partial(_connect, found.dsn, command_timeout=command_timeout, **found.arguments)
    engine = create_async_engine(
        "postgresql+asyncpg://",
        # errors are logged, and parameters are prompts
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
        # a failover is under way: another try may find the one that is wanted
        raise ConnectionRefusedError(str(error)) from error
    except (asyncpg.ClientConfigurationError, ValueError, FileNotFoundError) as error:
        # found before anything was asked of the server; the password is in none of these texts
        said = str(error).partition("\n")[0]
        raise StoreUnusable(f"DATABASE_URL: {said}.") from error


class _Pooler:
    """Whether one stands before the database: asked once, by a connection of its own."""

    def __init__(self, pooled: bool | None, *, quiet: bool) -> None:
        self._pooled = pooled
        self._quiet = quiet

    def prepare(
        self, dialect: sa.Dialect, _: object, arguments: list[Any], options: dict[str, Any]
    ) -> None:
        """SQLAlchemy's event before each connection."""
        if self._pooled is None:
            first = dialect.connect(*arguments, **{**options, **_NOTHING_KEPT})
            try:
                self._pooled = _is_pooled(first)
            finally:
                first.close()
            if self._pooled and not self._quiet:
                log.info("database_pooler", note="no prepared statement is kept")
        if self._pooled:
            options.update(_NOTHING_KEPT)


def _is_pooled(connection: DBAPIConnection) -> bool:
    """A pooler gives a client a process number of its own making, to cancel by."""
    pid: int = connection.run_async(_known_pid)
    asked: int = connection.run_async(_asked_pid)
    return pid != asked


async def _known_pid(connection: Any) -> int:
    pid: int = connection.get_server_pid()
    return pid


async def _asked_pid(connection: Any) -> int:
    pid: int = await connection.fetchval("SELECT pg_catalog.pg_backend_pid()")
    return pid
