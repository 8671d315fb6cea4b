"""SQLite: one connection, one thread, and the requirements on its file system."""

import asyncio
import errno
import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, TypeVar

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import OperationalError

from proxy_server.errors import StoreUnavailable, StoreUnusable

Synchronous = Literal["full", "normal"]
_PASSING = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL)
# Some seconds of work: it is better to refuse a call than to let it wait longer.
_MOST_QUEUED = 2_000
# The time to wait for another process that changes the schema.
_UNHURRIED_SECONDS = 600.0
# Access for the owner only; SQLite gives the files beside it the same mode.
_MODE = 0o600
_T = TypeVar("_T")

log = structlog.get_logger()


class Sqlite:
    """One connection and one thread: SQLite has one writer, and a queue is fair to it.

    synchronous: with `full`, `lasting` commits are on the disk when they return; with `normal` a
        power cut may lose the last ones. Either way the database stays consistent.
    """

    def __init__(self, url: str, *, busy_seconds: float, synchronous: Synchronous) -> None:
        self._file = _file(url)
        self._lasting = synchronous
        self._synchronous = ""
        self._without_wal = False
        self._busy_seconds = busy_seconds
        self._queued = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite")
        self._engine = sa.create_engine(
            url,
            poolclass=sa.StaticPool,
            hide_parameters=True,
            # opened at the start, when another process may be changing the schema
            connect_args={"timeout": _UNHURRIED_SECONDS, "check_same_thread": False},
        )
        sa.event.listen(self._engine, "do_connect", self._connect)

    async def run(
        self,
        work: Callable[[sa.Connection], _T],
        *,
        begin: bool,
        lasting: bool = False,
        reserved: bool = False,
        unhurried: bool = False,
    ) -> _T:
        if self._queued >= _MOST_QUEUED and not reserved:
            raise StoreUnavailable(f"{self._queued} pieces of work wait for the database")

        def transaction() -> _T:
            with self._engine.connect() as connection:
                if not begin:
                    return work(connection)
                self._synchronize(connection, self._lasting if lasting else "normal")
                self._begin(connection, _UNHURRIED_SECONDS if unhurried else self._busy_seconds)
                try:
                    result = work(connection)
                    connection.exec_driver_sql("COMMIT")
                except BaseException:
                    # a full disk may have ended the transaction already
                    with suppress(OperationalError):
                        connection.exec_driver_sql("ROLLBACK")
                    raise
                return result

        self._queued += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, transaction)
        finally:
            self._queued -= 1

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._engine.dispose)
        self._thread.shutdown()

    def _begin(self, connection: sa.Connection, seconds: float) -> None:
        """Takes the write lock first: after a read, it fails if another process has written."""
        if seconds == self._busy_seconds:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            return
        _wait_at_most(connection.connection, seconds)
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        finally:
            _wait_at_most(connection.connection, self._busy_seconds)

    def _synchronize(self, connection: sa.Connection, wanted: Synchronous) -> None:
        """A durable commit also makes all earlier ones durable."""
        if self._without_wal:
            # without WAL, anything less would put the database itself at risk
            wanted = "full"
        if wanted != self._synchronous:
            connection.exec_driver_sql(f"PRAGMA synchronous = {wanted}")
            self._synchronous = wanted

    def _connect(
        self, dialect: sa.Dialect, _: object, arguments: list[Any], options: dict[str, Any]
    ) -> Any:
        """SQLAlchemy's event that makes the connection. Raises StoreUnusable."""
        self._synchronous = ""
        try:
            connection: Any = dialect.connect(*arguments, **options)
            connection.isolation_level = None
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
            _wait_at_most(connection, self._busy_seconds)
        except sqlite3.OperationalError as error:
            if _passes(error):
                raise
            raise StoreUnusable(_sentence(self._file, str(error))) from error
        self._without_wal = mode not in ("wal", "memory")
        if self._without_wal:
            log.warning(
                "sqlite_without_wal",
                file=str(self._file),
                note="this file system has no write-ahead log: writes are slower, nothing is lost",
            )
        return connection


def _file(url: str) -> Path:
    """The path of the database file, in an existing folder. Raises StoreUnusable."""
    file = Path((sa.make_url(url).database or "").removeprefix("file:"))
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreUnusable(_sentence(file, os.strerror(error.errno or errno.EIO))) from error
    with suppress(OSError):
        # if this fails, opening the file reports the error
        file.touch(mode=_MODE)
        file.chmod(_MODE)
    return file


def _wait_at_most(connection: Any, seconds: float) -> None:
    """How long to wait for another process that writes."""
    connection.execute(f"PRAGMA busy_timeout = {seconds * 1000:.0f}").close()


def _passes(error: sqlite3.OperationalError) -> bool:
    """Whether the error is temporary: another process writes, or the disk is full."""
    return (error.sqlite_errorcode & 0xFF) in _PASSING


def _sentence(file: Path, why: str) -> str:
    return (
        f"DATABASE_URL: SQLite cannot write {file.name} in {file.parent} ({why}): give it a "
        "folder of a local disk that this account may write to, or use PostgreSQL."
    )
