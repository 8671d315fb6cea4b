"""Breaks the parts of a deployment, and repairs them."""

import asyncio
import math
import random
import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import NamedTuple

from bench.peers.hostile import METHODS
from chaos.hostile import be_hostile
from chaos.in_step import InStep
from chaos.ledger import Cause, Fault, Ledger
from run.process import NotReadyError
from testbed.deployment import Deployment
from testbed.link import Link
from testbed.process import Process

_LOOK_SECONDS = 0.05
_FEW_STARTS = 40
# a server stores checkpoints every two seconds, and first has to reconnect to Centrifugo
_CHECKPOINTS_SECONDS = 4.0
_FIRST_SECONDS = 1.0
_OVERLAPPING = 0.3
_HOSTILE_SOCKETS = 64
# a fault that affects nothing for this long does not count
_PATIENCE_SECONDS = 2.0

Break = Callable[[random.Random], Awaitable[bool]]
"""Breaks something and repairs it; returns whether that affected anything."""


class Way(NamedTuple):
    """A kind of fault: the part that it concerns, and whether others stand in for that part."""

    part: str
    commit: Break
    borne: bool = False


@dataclass
class Breaker:
    """Commits faults.

    seed: determines every decision.
    lease: the lease of the proxy servers, in seconds.
    Between the loss of Centrifugo's history, or a lock on the database, and the end of a proxy
    server, it leaves time for checkpoints: otherwise text that was shown would be stored nowhere.
    """

    deployment: Deployment
    api: Link
    model: Link
    seed: str
    ledger: Ledger
    lease: float
    _unsaved_at: float = field(default=-math.inf, init=False)

    def ways(self) -> dict[str, Way]:
        """The faults that are possible in this deployment."""
        others = self.deployment.replicas > 1
        found = {
            "Centrifugo killed": Way("Centrifugo", self.centrifugo_killed),
            "proxy server killed": Way("proxy server", self.server_killed, others),
            "both killed, one after the other": Way("proxy server", self.both_killed),
            "proxy server paused": Way("proxy server", self.server_paused),
            "proxy server drained": Way("proxy server", self.server_drained, others),
            "model's connections cut": Way("model", self.model_cut),
            "model's connections stalled": Way("model", self.model_stalled),
            "API replies lost": Way("API", self.api_replies_lost),
            "API connections cut": Way("API", self.api_cut),
            "API connections stalled": Way("API", self.api_stalled),
            "hostile user": Way("a user", self.hostile_user),
        }
        if self.deployment.database == "postgresql":
            found["PostgreSQL restarted"] = Way("database", self.postgresql_restarted)
            found["PostgreSQL killed"] = Way("database", self.postgresql_killed)
        else:
            found["SQLite locked"] = Way("database", self.sqlite_locked)
        if self.deployment.engine == "redis":
            found["Redis restarted"] = Way("Redis", self.redis_restarted)
            found["Redis killed"] = Way("Redis", self.redis_killed)
        return found

    async def run(self, enough: asyncio.Event, only: Sequence[str] | None = None) -> None:
        """Commits each fault once per round, until there are enough. Some overlap.

        only: these faults, in this order and one at a time, instead of all in random order.
        """
        ways = self.ways()
        chance = random.Random(f"{self.seed}/order")
        waiting: list[str] = []
        while not (self.ledger.answers or enough.is_set()):
            await asyncio.sleep(_LOOK_SECONDS)
        await asyncio.sleep(_FIRST_SECONDS)
        while not enough.is_set():
            if not waiting:
                waiting = list(only or chance.sample(list(ways), len(ways)))
            name, second = waiting.pop(0), None
            if only is None and chance.random() < _OVERLAPPING:
                second = chance.choice([k for k in ways if self._may_overlap(ways[name], ways[k])])
            await self._commit(name, second, chance.uniform(0, 1))
            await asyncio.sleep(chance.uniform(0.2, 1.0))

    def _may_overlap(self, one: Way, other: Way) -> bool:
        """Whether two faults may overlap.

        Not a proxy server and a Centrifugo that keeps everything in memory: with both down, text
        shown since the last checkpoint is stored nowhere.
        """
        parts = {one.part, other.part}
        forgetful = self.deployment.engine == "memory"
        return len(parts) == 2 and not (forgetful and parts == {"proxy server", "Centrifugo"})

    async def _commit(self, name: str, second: str | None, delay: float) -> None:
        """second: begins after `delay` seconds, whether or not the first is repaired by then."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._break(name))
            if second is not None:
                await asyncio.sleep(delay)
                group.create_task(self._break(second))
        kinds = [kind for kind in (name, second) if kind is not None]
        if not all(self.ways()[kind].borne for kind in kinds):
            await InStep(self.ledger).wait(" and ".join(kinds), monotonic())

    async def _break(self, name: str) -> None:
        way = self.ways()[name]
        if way.part == "proxy server":
            await asyncio.sleep(self._unsaved_at + _CHECKPOINTS_SECONDS - monotonic())
        chance = random.Random(f"{self.seed}/{name} {self.ledger.kinds()[name]}")
        fault = Fault(name, monotonic(), borne=way.borne)
        self.ledger.faults.append(fault)
        met = False
        try:
            met = await way.commit(chance)
        finally:
            fault.end = monotonic()
            if not met:
                self.ledger.faults.remove(fault)

    @contextmanager
    def _cause(self, status: str) -> Iterator[None]:
        """Records that answers that live meanwhile may end early with that status."""
        cause = Cause(status, monotonic())
        self.ledger.causes.append(cause)
        try:
            yield
        finally:
            cause.end = monotonic()

    async def centrifugo_killed(self, chance: random.Random) -> bool:
        await self._restart(self.deployment.centrifugo, chance, kill=True, down=1.0)
        if self.deployment.engine == "memory":
            self._unsaved_at = monotonic()
        return True

    async def both_killed(self, chance: random.Random) -> bool:
        await self.centrifugo_killed(chance)
        await asyncio.sleep(_CHECKPOINTS_SECONDS)
        with self._cause("interrupted"):
            await self._restart(self._some_server(chance), chance, kill=True, down=2.0)
        return True

    async def server_killed(self, chance: random.Random) -> bool:
        return await self._server_gone(self._some_server(chance), chance, kill=True)

    async def server_drained(self, chance: random.Random) -> bool:
        return await self._server_gone(self._some_server(chance), chance, kill=False)

    async def _server_gone(self, server: Process, chance: random.Random, *, kill: bool) -> bool:
        """One of several stays down until others have closed all that it had begun."""
        gone_at = monotonic()
        with self._cause("interrupted"):
            await asyncio.to_thread(server.kill if kill else server.stop)
        if self.deployment.replicas > 1:
            after = "proxy server killed" if kill else "proxy server drained"
            await InStep(self.ledger).wait(after, gone_at, borne=True)
        else:
            await asyncio.sleep(chance.uniform(0, 2))
        await asyncio.to_thread(_start, server)
        return True

    async def server_paused(self, chance: random.Random) -> bool:
        server = self._some_server(chance)
        with self._cause("interrupted"):
            server.pause()
            await asyncio.sleep(self.lease + chance.uniform(0.5, 2))
            server.resume()
        return True

    async def postgresql_restarted(self, chance: random.Random) -> bool:
        assert self.deployment.postgresql is not None
        return await self._restart(self.deployment.postgresql, chance, kill=False, down=3.0)

    async def postgresql_killed(self, chance: random.Random) -> bool:
        assert self.deployment.postgresql is not None
        return await self._restart(self.deployment.postgresql, chance, kill=True, down=3.0)

    async def redis_restarted(self, chance: random.Random) -> bool:
        assert self.deployment.redis is not None
        return await self._restart(self.deployment.redis, chance, kill=False, down=2.0)

    async def redis_killed(self, chance: random.Random) -> bool:
        assert self.deployment.redis is not None
        return await self._restart(self.deployment.redis, chance, kill=True, down=2.0)

    async def sqlite_locked(self, chance: random.Random) -> bool:
        other = sqlite3.connect(
            self.deployment.folder / "conversations.db",
            isolation_level=None,
            timeout=10,
            check_same_thread=False,
        )
        try:
            await asyncio.to_thread(_lock, other)
            await asyncio.sleep(chance.uniform(1, 4))
        finally:
            other.close()
            self._unsaved_at = monotonic()
        return True

    async def model_cut(self, _chance: random.Random) -> bool:
        until = monotonic() + _PATIENCE_SECONDS
        with self._cause("failed"):
            while not (cut := self.model.cut()) and monotonic() < until:
                await asyncio.sleep(_LOOK_SECONDS)
        return cut > 0

    async def model_stalled(self, chance: random.Random) -> bool:
        with self._cause("failed"):
            return await self._frozen(self.model, chance.choice((0.3, 1, 4)))

    async def api_replies_lost(self, chance: random.Random) -> bool:
        before = self.api.lost_replies
        for _ in range(chance.randint(1, 4)):
            lost = self.api.lost_replies
            self.api.losing_replies = True
            until = monotonic() + _PATIENCE_SECONDS
            while self.api.lost_replies == lost and monotonic() < until:
                await asyncio.sleep(0.005)
            self.api.losing_replies = False
            await asyncio.sleep(0.1)
        return self.api.lost_replies > before

    async def api_cut(self, chance: random.Random) -> bool:
        self.api.refusing = True
        cut = self.api.cut()
        await asyncio.sleep(chance.uniform(0, 1))
        self.api.refusing = False
        return cut > 0

    async def api_stalled(self, chance: random.Random) -> bool:
        # some longer than a call may take
        return await self._frozen(self.api, chance.choice((0.5, 2, 6)))

    async def hostile_user(self, chance: random.Random) -> bool:
        """Calls a method on many sockets, eight times at once on each, as fast as possible."""
        arguments = [self.deployment.url, chance.choice(METHODS), str(_HOSTILE_SOCKETS)]
        seconds = chance.uniform(1, 4)
        return await asyncio.to_thread(be_hostile, arguments, seconds)

    async def _frozen(self, link: Link, seconds: float) -> bool:
        held = link.held
        link.frozen = True
        await asyncio.sleep(seconds)
        link.frozen = False
        return link.held > held

    def _some_server(self, chance: random.Random) -> Process:
        return chance.choice(self.deployment.servers)

    async def _restart(
        self, process: Process, chance: random.Random, *, kill: bool, down: float
    ) -> bool:
        """down: the longest time that it stays away."""
        await asyncio.to_thread(process.kill if kill else process.stop)
        await asyncio.sleep(chance.uniform(0, down))
        await asyncio.to_thread(_start, process)
        return True


def _start(process: Process) -> None:
    for _ in range(_FEW_STARTS):
        try:
            process.start()
        except NotReadyError:
            # PostgreSQL's children briefly outlive their killed parent, and hold its memory
            continue
        return
    process.start()


def _lock(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN EXCLUSIVE")
