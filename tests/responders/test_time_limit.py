"""The bound on waiting, also where the process itself stood still."""

import asyncio
import socket
import time

import pytest

from proxy_server.responders.time_limit import TimeLimit

BOUND = 0.2


async def test_silence_ends_a_wait() -> None:
    patience = TimeLimit(BOUND)
    with pytest.raises(TimeoutError), patience:
        await asyncio.Event().wait()


async def test_what_came_while_the_process_stood_still_is_taken() -> None:
    ours, theirs = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=ours)
    patience = TimeLimit(BOUND)

    async def read() -> bytes:
        with patience:
            return await reader.read(1)

    reading = asyncio.create_task(read())
    await asyncio.sleep(0)
    theirs.send(b"x")
    time.sleep(2 * BOUND)  # noqa: ASYNC251 -- nothing of this process runs meanwhile
    assert await reading == b"x"
    writer.close()
    theirs.close()


async def test_waits_that_bring_nothing_do_not_renew_it() -> None:
    patience = TimeLimit(BOUND)

    async def wait() -> None:
        while True:
            with patience:
                await asyncio.sleep(BOUND / 10)

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(wait(), 10 * BOUND)
