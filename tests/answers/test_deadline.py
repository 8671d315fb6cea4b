"""An answer's deadline, which can only move closer."""

import asyncio

import pytest

from proxy_server.answers.deadline import Deadline
from testbed.waiting import WAIT


async def test_the_nearest_end_counts_and_its_reason() -> None:
    deadline = Deadline(WAIT)
    assert (deadline.passed, deadline.reason) == (False, "time_limit")
    deadline.begin()
    deadline.pull("shutdown", WAIT / 2)
    deadline.pull("lost", WAIT)
    assert (deadline.passed, deadline.reason) == (False, "shutdown")
    deadline.pull("stopped")
    assert (deadline.passed, deadline.reason) == (True, "stopped")
    deadline.pull("shutdown", 1)
    assert deadline.reason == "stopped"


async def test_it_ends_what_is_within_whenever_it_is_pulled() -> None:
    deadline = Deadline(WAIT)
    deadline.begin()
    entered = asyncio.Event()

    async def work() -> None:
        async with deadline:
            entered.set()
            await asyncio.sleep(WAIT)

    working = asyncio.create_task(work())
    await entered.wait()
    deadline.pull("stopped")
    async with asyncio.timeout(WAIT / 2) as never:
        with pytest.raises(TimeoutError):
            await working
    assert not never.expired()


async def test_one_that_has_passed_lets_nothing_begin() -> None:
    deadline = Deadline(WAIT)
    deadline.pull("shutdown")

    async def work() -> None:
        async with deadline:
            await asyncio.sleep(WAIT)

    async with asyncio.timeout(WAIT / 2) as never:
        with pytest.raises(TimeoutError):
            await work()
    assert not never.expired()


async def test_the_time_limit_counts_from_its_beginning() -> None:
    deadline = Deadline(0.1)
    async with deadline:
        # nothing has begun
        await asyncio.sleep(0.3)
    assert not deadline.passed
    deadline.begin()
    await asyncio.sleep(0.15)
    assert deadline.passed


async def test_what_is_over_is_not_ended_any_more() -> None:
    deadline = Deadline(WAIT)
    async with deadline:
        pass
    deadline.pull("stopped")
    await asyncio.sleep(0.05)
    assert deadline.passed
