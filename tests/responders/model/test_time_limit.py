"""The timeout for waiting, also if the process itself stalled."""

import asyncio
import socket
import time

import pytest

from proxy_server.responders.model.time_limit import TimeLimit
from testbed.waiting import WAIT

BOUND = 0.2


async def test_silence_ends_a_wait() -> None:
    limit = TimeLimit(BOUND)
    with pytest.raises(TimeoutError), limit:
        await asyncio.Event().wait()


async def test_what_came_while_the_process_stood_still_is_taken() -> None:
    ours, theirs = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=ours)
    limit = TimeLimit(BOUND)

    async def read() -> bytes:
        with limit:
            return await reader.read(1)

    reading = asyncio.create_task(read())
    await asyncio.sleep(0)
    theirs.send(b"x")
    time.sleep(2 * BOUND)  # noqa: ASYNC251 -- nothing of this process runs meanwhile
    assert await reading == b"x"
    writer.close()
    theirs.close()


async def test_waits_that_bring_nothing_do_not_renew_it() -> None:
    limit = TimeLimit(BOUND)

    async def wait() -> None:
        while True:
            with limit:
                await asyncio.sleep(BOUND / 10)

    # not wait_for: its own TimeoutError would look like the expected one
    async with asyncio.timeout(WAIT) as never:
        with pytest.raises(TimeoutError):
            await wait()
    assert not never.expired()


async def test_progress_renews_it_and_time_spent_elsewhere_does_not_count() -> None:
    bound = 4 * BOUND
    limit = TimeLimit(bound)
    for _ in range(3):
        with limit:
            await asyncio.sleep(0)
        await asyncio.sleep(bound / 2)
    limit.renew(WAIT)
    with limit:
        await asyncio.sleep(1.5 * bound)
    limit.close()


async def test_who_is_cancelled_from_outside_is_cancelled() -> None:
    limit = TimeLimit(BOUND)

    async def wait() -> None:
        with limit:
            await asyncio.Event().wait()

    waiting = asyncio.create_task(wait())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await asyncio.sleep(2 * BOUND)
    assert waiting.cancelled()


async def test_nothing_of_it_is_left_once_it_is_closed() -> None:
    limit = TimeLimit(BOUND)
    with limit:
        await asyncio.sleep(0)
    limit.close()
    # a timer that went on would cancel whatever waits by then
    await asyncio.sleep(2 * BOUND)
    assert limit._timer is None or limit._timer.cancelled()


async def test_a_wait_that_begins_late_has_its_whole_time() -> None:
    limit = TimeLimit(BOUND)
    with limit:
        await asyncio.sleep(0)
    await asyncio.sleep(BOUND / 2)

    async def wait() -> None:
        with limit:
            await asyncio.Event().wait()

    # the timer of the first wait fires within the second one, and must not be the last
    async with asyncio.timeout(WAIT) as never:
        with pytest.raises(TimeoutError):
            await wait()
    assert not never.expired()


async def test_who_is_cancelled_in_the_moment_of_its_end_is_cancelled() -> None:
    limit = TimeLimit(0)

    async def wait() -> None:
        with limit:
            await asyncio.Event().wait()

    waiting = asyncio.create_task(wait())
    await asyncio.sleep(0)
    while not waiting.cancelling():
        limit._fire()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    limit.close()
