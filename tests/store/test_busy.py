"""A database that users keep busy: heartbeats pass, and what nobody waits for is not run."""

import asyncio
import threading
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

from proxy_server.errors import StoreUnavailable
from proxy_server.protocol.messages import TextPart
from proxy_server.protocol.sessions import BEGINNING
from proxy_server.protocol.turns import Checkpoint
from proxy_server.store.database import Store
from proxy_server.store.generations import Leases
from proxy_server.store.migrate import migrate
from testbed.deployment import Deployment
from testbed.waiting import until
from tests.store.test_leases import new_assignment

POOL = 16
WAITS = sa.text("SELECT pg_advisory_xact_lock(4711)")
WAITING = sa.text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")


@asynccontextmanager
async def kept_busy(store: Store, url: str) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Users' calls occupy the whole store during the context; returns them."""
    occupied = _postgresql_held if url.startswith("postgresql") else _sqlite_held
    async with occupied(store, url) as calls:
        yield calls
        assert not any(call.done() for call in calls)
    await asyncio.gather(*calls)


@asynccontextmanager
async def _postgresql_held(store: Store, url: str) -> AsyncIterator[list[asyncio.Task[None]]]:
    engine = create_async_engine(url.replace("postgresql:", "postgresql+asyncpg:"))
    async with engine.connect() as lock:
        await lock.execute(sa.text("SELECT pg_advisory_lock(4711)"))
        calls = [
            asyncio.create_task(store.write(_wait_for_lock, str(number))) for number in range(POOL)
        ]

        async def all_wait() -> bool:
            return bool((await lock.execute(WAITING)).scalar() == POOL)

        await until(all_wait)
        yield calls
        await lock.execute(sa.text("SELECT pg_advisory_unlock(4711)"))
    await engine.dispose()


def _wait_for_lock(connection: sa.Connection) -> None:
    connection.execute(WAITS)


@asynccontextmanager
async def _sqlite_held(store: Store, _: str) -> AsyncIterator[list[asyncio.Task[None]]]:
    begun, release = threading.Event(), threading.Event()

    def hold(_: sa.Connection) -> None:
        begun.set()
        release.wait()

    call = asyncio.create_task(store.write(hold, "anna"))
    await asyncio.to_thread(begun.wait)
    yield [call]
    release.set()


async def test_leases_are_renewed_while_users_hold_every_connection(
    infrastructure: Deployment, empty: Callable[[], Awaitable[str]]
) -> None:
    url = await empty()
    store = Store(url)
    await migrate(store)
    leases = Leases(store, str(uuid.uuid4()), seconds=60)
    held = new_assignment()
    await store.write(partial(leases.insert, assignment=held, queued=False))
    checkpoint = Checkpoint(held.message_id, 1, [TextPart("x")], BEGINNING)
    if infrastructure.postgresql is None:
        # One thread runs one transaction at a time. It queues no more of users' work than it can do
        # soon, but any number of heartbeats.
        async with _sqlite_held(store, url) as calls:
            queue: list[asyncio.Task[None]] = []
            while not (queue and queue[-1].done()):
                queue.append(asyncio.create_task(store.read(lambda _: None)))
                await asyncio.sleep(0)
            assert isinstance(queue[-1].exception(), StoreUnavailable)
            renewal = asyncio.create_task(leases.renew([held.message_id]))
            saving = asyncio.create_task(leases.checkpoint([checkpoint]))
        assert await renewal == {held.message_id: None}
        await saving
        await asyncio.gather(*calls, *queue, return_exceptions=True)
    else:
        async with kept_busy(store, url):
            assert await leases.renew([held.message_id]) == {held.message_id: None}
            await leases.checkpoint([checkpoint])
    await store.close()


async def test_reads_that_nobody_waits_for_any_more_are_never_run(
    empty: Callable[[], Awaitable[str]],
) -> None:
    url = await empty()
    store = Store(url)
    await migrate(store)
    ran: list[int] = []

    def read(connection: sa.Connection, number: int) -> None:
        ran.append(number)
        connection.execute(sa.text("SELECT 1"))

    async with kept_busy(store, url):
        given_up = [
            asyncio.create_task(store.read(partial(read, number=number))) for number in range(96)
        ]
        await asyncio.sleep(0.1)
        for task in given_up:
            task.cancel()
        await asyncio.gather(*given_up, return_exceptions=True)
    await store.read(partial(read, number=-1))
    assert ran == [-1]
    await store.close()
