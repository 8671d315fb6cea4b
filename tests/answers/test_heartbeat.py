"""How long leases are trusted, with a database that answers or does not."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import cast

import pytest

from proxy_server.answers.heartbeat import Heartbeat
from proxy_server.errors import StoreUnavailable
from proxy_server.store.generations import Leases

SECONDS = 10.0


class Database:
    """A database for leases: it answers, fails or hangs."""

    seconds = SECONDS

    def __init__(self) -> None:
        self.away = False
        self.hangs: asyncio.Event | None = None
        self.asked: list[Sequence[str]] = []

    async def renew(self, held: Sequence[str]) -> dict[str, str | None]:
        self.asked.append(held)
        if self.hangs is not None:
            await self.hangs.wait()
        if self.away:
            raise StoreUnavailable("away")
        return dict.fromkeys(held)


class Time:
    """Moves the event loop's clock, and nothing else."""

    def __init__(self, loop: asyncio.AbstractEventLoop, patch: pytest.MonkeyPatch) -> None:
        self._ahead = 0.0
        real = loop.time
        patch.setattr(loop, "time", lambda: real() + self._ahead)

    def passes(self, seconds: float) -> None:
        self._ahead += seconds


@asynccontextmanager
async def began(patch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Heartbeat, Database, Time]]:
    with patch.context() as within:
        time, database = Time(asyncio.get_running_loop(), within), Database()
        yield Heartbeat(cast(Leases, database)), database, time


async def test_leases_are_trusted_for_as_long_as_they_last(monkeypatch: pytest.MonkeyPatch) -> None:
    async with began(monkeypatch) as (heartbeat, database, time):
        assert heartbeat.alive() is None
        time.passes(SECONDS - 1)
        assert heartbeat.alive() is None
        time.passes(1)
        first, second = heartbeat.alive(), heartbeat.alive()
        assert first is not None
        assert second is not None
        first.cancel()
        assert await heartbeat.renew(["m"]) == {"m": None}
        await second
        assert heartbeat.alive() is None
        assert database.asked == [["m"]]


async def test_who_holds_none_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    async with began(monkeypatch) as (heartbeat, database, time):
        time.passes(SECONDS)
        waiting = heartbeat.alive()
        assert waiting is not None
        assert await heartbeat.renew([]) == {}
        await waiting
        assert heartbeat.alive() is None
        assert database.asked == []


async def test_a_renewal_counts_from_its_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    async with began(monkeypatch) as (heartbeat, database, time):
        time.passes(SECONDS)
        database.hangs = asyncio.Event()
        renewing = asyncio.create_task(heartbeat.renew(["m"]))
        await asyncio.sleep(0)
        time.passes(0.7 * SECONDS)
        database.hangs.set()
        await renewing
        assert heartbeat.alive() is None
        time.passes(0.3 * SECONDS)
        assert heartbeat.alive() is not None


async def test_without_the_database_answers_go_on_and_nothing_is_taken_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with began(monkeypatch) as (heartbeat, database, time):
        assert not heartbeat.may_take_over()
        time.passes(SECONDS)
        assert heartbeat.may_take_over()
        database.away = True
        waiting = heartbeat.alive()
        assert waiting is not None
        with pytest.raises(StoreUnavailable):
            await heartbeat.renew(["m"])
        await waiting
        assert heartbeat.alive() is None
        assert not heartbeat.may_take_over()
        database.away = False
        await heartbeat.renew(["m"])
        time.passes(SECONDS - 1)
        # others must have had the time to renew their leases
        assert not heartbeat.may_take_over()
        time.passes(1)
        assert heartbeat.may_take_over()


async def test_a_database_that_hangs_is_one_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    async with began(monkeypatch) as (heartbeat, database, time):
        time.passes(SECONDS)
        database.hangs = asyncio.Event()
        renewing = asyncio.create_task(heartbeat.renew(["m"]))
        await asyncio.sleep(0)
        time.passes(0.9 * SECONDS)
        with pytest.raises(StoreUnavailable):
            await renewing
        # the time counts from then: they go on for one more lease
        assert heartbeat.alive() is None
        assert not heartbeat.may_take_over()
