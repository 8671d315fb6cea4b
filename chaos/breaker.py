"""Breaks one part of a deployment at a time, mends it, and waits until everybody is in step."""

import asyncio
import random
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from time import monotonic

from chaos.device import Device
from chaos.ledger import Ledger, Violation
from testbed.deployment import Deployment
from testbed.link import Link
from testbed.process import NotReady, Process

IN_STEP_SECONDS = 10.0
_LOOK_SECONDS = 0.05
_FEW_STARTS = 40
# two seconds are between the checkpoints of a server; and it has to find Centrifugo again
_CHECKPOINTS_SECONDS = 4.0
_FIRST_SECONDS = 1.0


@dataclass
class Breaker:
    """lease: how long a lease of the proxy servers lasts, in seconds."""

    deployment: Deployment
    api: Link
    model: Link
    chance: random.Random
    ledger: Ledger
    lease: float

    def faults(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """What can break in this deployment."""
        found: dict[str, Callable[[], Awaitable[None]]] = {
            "Centrifugo killed": self.centrifugo_killed,
            "proxy server killed": self.server_killed,
            "both killed, one after the other": self.both_killed,
            "proxy server paused": self.server_paused,
            "proxy server drained": self.server_drained,
            "model's connections cut": self.model_cut,
            "model's connections stalled": self.model_stalled,
            "API replies lost": self.api_replies_lost,
            "API connections cut": self.api_cut,
            "API connections stalled": self.api_stalled,
        }
        if self.deployment.postgresql is not None:
            found["PostgreSQL restarted"] = self.postgresql_restarted
            found["PostgreSQL killed"] = self.postgresql_killed
        else:
            found["SQLite locked"] = self.sqlite_locked
        if self.deployment.redis is not None:
            found["Redis restarted"] = self.redis_restarted
            found["Redis killed"] = self.redis_killed
        return found

    async def run(self, enough: asyncio.Event, only: Sequence[str] | None = None) -> None:
        """Commits each fault once in every round, until it is enough.

        only: these, always in this order, in place of all in one of chance.
        """
        faults = self.faults()
        waiting: list[str] = []
        while not (self.ledger.answers or enough.is_set()):
            await asyncio.sleep(_LOOK_SECONDS)
        await asyncio.sleep(_FIRST_SECONDS)
        while not enough.is_set():
            if not waiting:
                waiting = list(only or self.chance.sample(list(faults), len(faults)))
            name = waiting.pop(0)
            await self.commit(name, faults[name])
            await asyncio.sleep(self.chance.uniform(0.2, 1.0))

    async def commit(self, name: str, fault: Callable[[], Awaitable[None]]) -> None:
        self.ledger.begin(name)
        try:
            await fault()
        finally:
            self.ledger.end()
        since = self.ledger.quiet_since
        pending = set(self.ledger.devices)
        while pending := {device for device in pending if not self._in_step(device, since)}:
            if monotonic() - since > IN_STEP_SECONDS:
                break
            await asyncio.sleep(_LOOK_SECONDS)
        self.ledger.recoveries.append((monotonic() - since, name))
        for device in pending:
            self._left_open(device, since, name)

    def _in_step(self, device: Device, since: float) -> bool:
        if device not in self.ledger.devices or device.away or device.idle:
            return True
        return device.live and not _standing_still(device, since)

    def _left_open(self, device: Device, since: float, fault: str) -> None:
        state = "live" if device.live else f"not live ({device.refusal})"
        for message in _standing_still(device, since) or [""]:
            self.ledger.violations.append(
                Violation(
                    "messages left open",
                    f"neither ended nor grown {IN_STEP_SECONDS:.0f} s after: {fault}; "
                    f"the device is {state}",
                    conversation=device.conversation or "",
                    message=message,
                )
            )

    async def centrifugo_killed(self) -> None:
        await self._restart(self.deployment.centrifugo, kill=True, down=1.0)

    async def both_killed(self) -> None:
        """The text that a Centrifugo without a memory forgets is in the checkpoints by then."""
        await self.centrifugo_killed()
        await asyncio.sleep(_CHECKPOINTS_SECONDS)
        await self.server_killed()

    async def server_killed(self) -> None:
        await self._restart(self._some_server(), kill=True, down=2.0)

    async def server_drained(self) -> None:
        await self._restart(self._some_server(), kill=False, down=0.5)

    async def server_paused(self) -> None:
        server = self._some_server()
        server.pause()
        await asyncio.sleep(self.lease + self.chance.uniform(0.5, 2))
        server.resume()

    async def postgresql_restarted(self) -> None:
        assert self.deployment.postgresql is not None
        await self._restart(self.deployment.postgresql, kill=False, down=3.0)

    async def postgresql_killed(self) -> None:
        assert self.deployment.postgresql is not None
        await self._restart(self.deployment.postgresql, kill=True, down=3.0)

    async def redis_restarted(self) -> None:
        assert self.deployment.redis is not None
        await self._restart(self.deployment.redis, kill=False, down=2.0)

    async def redis_killed(self) -> None:
        assert self.deployment.redis is not None
        await self._restart(self.deployment.redis, kill=True, down=2.0)

    async def sqlite_locked(self) -> None:
        other = sqlite3.connect(
            self.deployment.folder / "conversations.db",
            isolation_level=None,
            timeout=10,
            check_same_thread=False,
        )
        try:
            await asyncio.to_thread(_lock, other)
            await asyncio.sleep(self.chance.uniform(1, 4))
        finally:
            other.close()

    async def model_cut(self) -> None:
        self.model.cut()

    async def model_stalled(self) -> None:
        self.model.frozen = True
        await asyncio.sleep(self.chance.choice((0.3, 1, 4)))
        self.model.frozen = False

    async def api_replies_lost(self) -> None:
        for _ in range(self.chance.randint(1, 4)):
            before = self.api.lost_replies
            self.api.losing_replies = True
            until = monotonic() + 2
            while self.api.lost_replies == before and monotonic() < until:
                await asyncio.sleep(0.005)
            self.api.losing_replies = False
            await asyncio.sleep(0.1)

    async def api_cut(self) -> None:
        self.api.refusing = True
        self.api.cut()
        await asyncio.sleep(self.chance.uniform(0, 1))
        self.api.refusing = False

    async def api_stalled(self) -> None:
        self.api.frozen = True
        # some longer than a call may take
        await asyncio.sleep(self.chance.choice((0.5, 2, 6)))
        self.api.frozen = False

    def _some_server(self) -> Process:
        return self.chance.choice(self.deployment.servers)

    async def _restart(self, process: Process, *, kill: bool, down: float) -> None:
        """down: the longest time that it is away."""
        await asyncio.to_thread(process.kill if kill else process.stop)
        await asyncio.sleep(self.chance.uniform(0, down))
        await asyncio.to_thread(_start, process)


def _start(process: Process) -> None:
    for _ in range(_FEW_STARTS):
        try:
            process.start()
        except NotReady:
            # PostgreSQL's children outlive their killed parent for a moment, and hold its memory
            continue
        return
    process.start()


def _lock(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN EXCLUSIVE")


def _standing_still(device: Device, since: float) -> list[str]:
    """Answers that neither ended nor grew since then, though their model has more to say."""
    return [
        key
        for key, message in device.view.open()
        if message.status == "streaming"
        and message.grew_at < since
        and not device.view.prompt_of(key).startswith("/stall")
        and "after=" not in device.view.prompt_of(key)
    ]
