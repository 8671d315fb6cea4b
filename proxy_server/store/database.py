"""The database: its connections, its transactions and its failures, for SQLite and PostgreSQL."""

from collections.abc import Callable
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from proxy_server.errors import StoreUnavailable
from proxy_server.store.sqlite import Sqlite, Synchronous

_PATIENCE_SECONDS = 3.0
# SQLSTATE's classes of broken connections, of transactions that a deadlock ended, of lacking
# resources and of an operator's doing, such as a restart: the driver's adapter has no exception of
# its own for most of them.
_OUT_OF_SERVICE = ("08", "40", "53", "57")
_DEADLOCK_OR_CONFLICT = "40"
_ATTEMPTS = 3
# After a failover, connections of the pool may stand on what is now a replica.
_READ_ONLY = "25006"
_T = TypeVar("_T")


class Store:
    """Runs work on the database; every failure to reach it is StoreUnavailable.

    Work is a plain function of a connection, so that one text serves both databases and a whole
    transaction costs one change of thread on SQLite, not one per statement.
    """

    def __init__(self, url: str, *, synchronous: Synchronous = "full") -> None:
        self._database: Sqlite | _Postgresql = (
            Sqlite(url, patience_seconds=_PATIENCE_SECONDS, synchronous=synchronous)
            if url.startswith("sqlite:")
            else _Postgresql(url)
        )

    async def read(self, work: Callable[[sa.Connection], _T]) -> _T:
        """Runs work whose statements stand alone."""
        return await self._run(work, begin=False)

    async def write(
        self,
        work: Callable[[sa.Connection], _T],
        owner: str | None = None,
        *,
        lasting: bool = False,
    ) -> _T:
        """Runs work in a transaction: an exception rolls it back.

        With `owner`, no other such transaction for the same user runs beside it: what it counts
        and checks holds until its end. Such work is `lasting`: a user is told of it, and no power
        cut takes that back. Signs of life and checkpoints need not be waited for.
        """
        if isinstance(self._database, Sqlite):
            return await self._run(work, begin=True, lasting=lasting or owner is not None)
        if owner is None:
            return await self._run(work, begin=True)

        def locked(connection: sa.Connection) -> _T:
            key = sa.func.hashtextextended(owner, 0)
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(key)))
            return work(connection)

        return await self._run(locked, begin=True)

    async def close(self) -> None:
        await self._database.close()

    async def _run(
        self, work: Callable[[sa.Connection], _T], *, begin: bool, lasting: bool = False
    ) -> _T:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return await self._database.run(work, begin=begin, lasting=lasting)
            except (PoolTimeout, OSError, TimeoutError) as error:
                raise StoreUnavailable(repr(error)) from error
            except DBAPIError as error:
                sqlstate = _sqlstate(error.orig)
                if sqlstate.startswith(_DEADLOCK_OR_CONFLICT) and attempt < _ATTEMPTS:
                    continue
                if _is_outage(error, sqlstate):
                    raise StoreUnavailable(repr(error)) from error
                raise
        raise AssertionError("the last attempt returns or raises")


def _is_outage(error: DBAPIError, sqlstate: str) -> bool:
    return (
        isinstance(error, OperationalError | InterfaceError)
        or error.connection_invalidated
        or sqlstate.startswith(_OUT_OF_SERVICE)
    )


def _sqlstate(error: object) -> str:
    return getattr(error, "sqlstate", None) or ""


class _Postgresql:
    """A pool of connections; the server's `synchronous_commit` says how commits last."""

    def __init__(self, url: str) -> None:
        # whoever has SQLite need not wait for the driver at the start
        from proxy_server.store.postgresql_engine import postgresql_engine

        self._engine = postgresql_engine(
            url,
            command_timeout=2 * _PATIENCE_SECONDS,
            pool_size=8,
            max_overflow=8,
            pool_timeout=_PATIENCE_SECONDS,
            pool_pre_ping=True,
        )
        sa.event.listen(self._engine.sync_engine, "handle_error", _leave_a_read_only_one)

    async def run(
        self, work: Callable[[sa.Connection], _T], *, begin: bool, lasting: bool = False
    ) -> _T:
        async with self._engine.begin() as connection:
            return await connection.run_sync(work)

    async def close(self) -> None:
        await self._engine.dispose()


def _leave_a_read_only_one(context: sa.ExceptionContext) -> None:
    if _sqlstate(context.original_exception) == _READ_ONLY:
        context.is_disconnect = True
