"""The database: connections, transactions and failures, for SQLite and PostgreSQL."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine

from proxy_server.errors import StoreUnavailable
from proxy_server.store.sqlite import Sqlite, Synchronous

_BUSY_SECONDS = 3.0
# SQLSTATE classes of broken connections, deadlocks, lacking resources and operator actions such as
# a restart. The driver's adapter has no exception class for most of them.
_OUT_OF_SERVICE = ("08", "40", "53", "57")
_DEADLOCK_OR_CONFLICT = "40"
_ATTEMPTS = 3
# After a failover, pooled connections may lead to a server that is now a read-only replica.
_READ_ONLY = "25006"
_T = TypeVar("_T")


class Store:
    """Runs work on the database. Every failure to reach it becomes StoreUnavailable.

    Work is a plain function of a connection. So the same code serves both databases, and on SQLite
    a transaction costs one thread switch, not one per statement.
    """

    def __init__(self, url: str, *, synchronous: Synchronous = "full") -> None:
        self._database: Sqlite | _Postgresql = (
            Sqlite(url, busy_seconds=_BUSY_SECONDS, synchronous=synchronous)
            if url.startswith("sqlite:")
            else _Postgresql(url)
        )
        self._users = _Turns()

    async def read(self, work: Callable[[sa.Connection], _T]) -> _T:
        """Runs work whose statements are independent. Canceled before its turn, it never runs."""
        return await self._run(work, begin=False, reserved=False)

    async def write(
        self,
        work: Callable[[sa.Connection], _T],
        owner: str | None = None,
        *,
        lasting: bool = False,
        reserved: bool = False,
    ) -> _T:
        """Runs work in a transaction; an exception rolls it back.

        With `owner`, no other such transaction of the same user runs at the same time, so what it
        counts and checks holds until its end. Such work is `lasting`: a user is told of the result,
        so it must survive a power cut. Heartbeats and checkpoints need not. `reserved` is for this
        process's heartbeats, which must go on however busy users keep the database.
        """
        if isinstance(self._database, Sqlite):
            lasting = lasting or owner is not None
            return await self._run(work, begin=True, lasting=lasting, reserved=reserved)
        if owner is None:
            return await self._run(work, begin=True, reserved=reserved)

        def locked(connection: sa.Connection) -> _T:
            key = sa.func.hashtextextended(owner, 0)
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(key)))
            return work(connection)

        # Taken before a connection: calls of one user that wait for each other must not use up the
        # pool. The lock in the database covers calls of other replicas.
        async with self._users.turn(owner):
            return await self._run(locked, begin=True, reserved=reserved)

    async def change_schema(self, work: Callable[[sa.Connection], _T]) -> _T:
        """Runs work in a transaction without a time limit.

        Changing a large table, or waiting for another transaction, takes longer than a user waits.
        """
        return await self._run(work, begin=True, lasting=True, unhurried=True)

    async def close(self) -> None:
        await self._database.close()

    async def _run(
        self,
        work: Callable[[sa.Connection], _T],
        *,
        begin: bool,
        lasting: bool = False,
        reserved: bool = False,
        unhurried: bool = False,
    ) -> _T:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return await self._database.run(
                    work, begin=begin, lasting=lasting, reserved=reserved, unhurried=unhurried
                )
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


class _Turns:
    """One lock per name, kept while anyone holds it or waits for it."""

    def __init__(self) -> None:
        self._locks: dict[str, asyncio.Lock] = {}
        self._waiting: Counter[str] = Counter()

    @asynccontextmanager
    async def turn(self, name: str) -> AsyncIterator[None]:
        lock = self._locks.setdefault(name, asyncio.Lock())
        self._waiting[name] += 1
        try:
            async with lock:
                yield
        finally:
            self._waiting[name] -= 1
            if not self._waiting[name]:
                del self._waiting[name], self._locks[name]


class _Postgresql:
    """A pool for users' calls, and a small one for this process's heartbeats.

    The server's `synchronous_commit` decides how durable commits are.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._engine = _pool(url, size=8, more=8)
        self._reserve = _pool(url, size=2, more=0, quiet=True)

    async def run(
        self,
        work: Callable[[sa.Connection], _T],
        *,
        begin: bool,
        lasting: bool = False,
        reserved: bool = False,
        unhurried: bool = False,
    ) -> _T:
        if unhurried:
            return await self._run_alone(work)
        engine = self._reserve if reserved else self._engine
        async with engine.begin() as connection:
            return await connection.run_sync(work)

    async def _run_alone(self, work: Callable[[sa.Connection], _T]) -> _T:
        """Runs work on a connection of its own, without the statement timeout of the pool."""
        engine = _pool(self._url, size=1, more=0, quiet=True, hurried=False)
        try:
            async with engine.begin() as connection:
                return await connection.run_sync(work)
        finally:
            await engine.dispose()

    async def close(self) -> None:
        await self._engine.dispose()
        await self._reserve.dispose()


def _pool(
    url: str,
    *,
    size: int,
    more: int,
    quiet: bool = False,
    hurried: bool = True,
) -> AsyncEngine:
    # imported here so that a start with SQLite does not load the driver
    from proxy_server.store.postgresql_engine import postgresql_engine

    engine = postgresql_engine(
        url,
        command_timeout=2 * _BUSY_SECONDS if hurried else None,
        quiet=quiet,
        pool_size=size,
        max_overflow=more,
        pool_timeout=_BUSY_SECONDS,
        pool_pre_ping=True,
    )
    sa.event.listen(engine.sync_engine, "handle_error", _leave_a_read_only_one)
    return engine


def _leave_a_read_only_one(context: sa.ExceptionContext) -> None:
    if _sqlstate(context.original_exception) == _READ_ONLY:
        context.is_disconnect = True
