"""One phase: a deployment, its users, its faults, and the verdict on it."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import Any, Literal

from chaos.app_decider import AppDecider
from chaos.app_user import AppUser
from chaos.apps import Apps
from chaos.breaker import Breaker
from chaos.decider import Decider
from chaos.in_step import InStep
from chaos.ledger import Ledger
from chaos.stored import look
from chaos.talk import COUNTS
from chaos.user import User
from chaos.verdict import Verdict, judge
from proxy_server.settings import Settings
from testbed.deployment import Deployment
from testbed.link import Link

Engine = Literal["memory", "redis"]
Database = Literal["sqlite", "postgresql"]
Api = Literal["grpc", "http"]

SETTINGS = {
    "PROMPTS_PER_MINUTE": "100000",
    "MAX_GENERATIONS": "60",
    "MAX_WAITING": "20",
    "FIRST_TOKEN_SECONDS": "5",
    "IDLE_SECONDS": "3",
    "SHUTDOWN_GRACE_SECONDS": "1.5",
    "RESPONDERS": "parts=testbed.answers:answer, approvals=testbed.approvals:answer",
}
"""Settings that differ from the defaults: the model's silence, too, must end within the bound."""
_LEASE_SECONDS: float = Settings.model_fields["lease_seconds"].default
_NAMES = {"memory": "memory", "redis": "Redis", "sqlite": "SQLite", "postgresql": "PostgreSQL"}
_PROGRESS_SECONDS = 10.0
# beyond a conversation that has just begun, with all its waits
_FINISHING_SECONDS = 180.0


@dataclass(frozen=True, slots=True)
class Setup:
    engine: Engine
    database: Database
    replicas: int
    api: Api = "grpc"

    def __str__(self) -> str:
        replicas = "1 replica" if self.replicas == 1 else f"{self.replicas} replicas"
        api = ", API over HTTP" if self.api == "http" else ""
        return f"{_NAMES[self.engine]} + {_NAMES[self.database]}, {replicas}{api}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How much must happen, at least; `seconds` is the limit however little has happened by then.

    faults: of the parts and of users' networks together.
    rounds: how often each kind of fault of the parts must happen.
    only: the faults of the parts to choose from, by name and in this order; all by default.
    faulty: whether users have faults of their own, too.
    counts: how many tokens an answer may have.
    deciders: further users, with answers that wait for them.
    apps, app_deciders: the same of both kinds, in apps with the AI SDK's `useChat`.
    """

    users: int
    answers: int
    faults: int
    seconds: float
    rounds: int = 1
    pace: float = 4.0
    only: Sequence[str] | None = None
    faulty: bool = True
    careful: bool = True
    counts: tuple[int, ...] = COUNTS
    deciders: int = 0
    apps: int = 0
    app_deciders: int = 0

    def but(self, **changes: Any) -> "Load":
        """The same load with some values changed."""
        return replace(self, **changes)


@dataclass(frozen=True, slots=True)
class Result:
    setup: Setup
    ledger: Ledger
    verdict: Verdict
    seconds: float
    missing: list[str]
    """What was requested and did not happen in time."""


async def run_phase(
    setup: Setup,
    load: Load,
    *,
    seed: str,
    folder: Path,
    module: str = "proxy_server",
    say: Callable[[str], None] = print,
) -> Result:
    ledger = Ledger()
    deployment = Deployment(
        folder=folder,
        replicas=setup.replicas,
        engine=setup.engine,
        database=setup.database,
        api=setup.api,
        settings=SETTINGS,
        module=module,
    )
    began = monotonic()
    async with Link(deployment.api_port) as api, Link(deployment.model_port) as model:
        deployment.api_link, deployment.model_link = api.port, model.port
        # in a thread: the servers need the links when they start and end
        await asyncio.to_thread(deployment.__enter__)
        try:
            breaker = Breaker(deployment, api, model, f"{seed}/faults", ledger, _LEASE_SECONDS)

            def progress() -> None:
                say(_line(setup, ledger, began))

            await _live(deployment, load, ledger, breaker, seed, progress)
            marks = [prompt.id for prompt in ledger.prompts]
            stored = await look(deployment, ledger.tokens, marks)
        finally:
            await asyncio.to_thread(deployment.__exit__, None, None, None)
    missing = _missing(load, ledger, breaker)
    return Result(setup, ledger, judge(ledger, stored), monotonic() - began, missing)


async def _live(
    deployment: Deployment,
    load: Load,
    ledger: Ledger,
    breaker: Breaker,
    seed: str,
    progress: Callable[[], None],
) -> None:
    enough = asyncio.Event()
    users = [
        User(
            deployment.url,
            f"{seed}/user {number}",
            ledger,
            careful=load.careful,
            faulty=load.faulty,
            pace=load.pace,
            counts=load.counts,
        )
        for number in range(load.users)
    ]
    deciders = [
        Decider(deployment.url, f"{seed}/decider {number}", ledger)
        for number in range(load.deciders)
    ]
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        apps: list[AppUser | AppDecider] = []
        if load.apps or load.app_deciders:
            program = await stack.enter_async_context(Apps(deployment.port, careful=load.careful))
            apps = [
                AppUser(
                    program,
                    f"{seed}/app {number}",
                    ledger,
                    faulty=load.faulty,
                    pace=load.pace,
                    counts=load.counts,
                )
                for number in range(load.apps)
            ]
            apps += [
                AppDecider(program, deployment.url, f"{seed}/app decider {number}", ledger)
                for number in range(load.app_deciders)
            ]
        watching = group.create_task(InStep(ledger).watch())
        breaking = group.create_task(breaker.run(enough, load.only))
        living = [
            group.create_task(one.run(enough)) for some in (users, deciders, apps) for one in some
        ]
        until = monotonic() + load.seconds
        while not enough.is_set():
            await asyncio.sleep(_PROGRESS_SECONDS / 20)
            if int(monotonic() / _PROGRESS_SECONDS) != int((monotonic() - 0.5) / _PROGRESS_SECONDS):
                progress()
            if not _missing(load, ledger, breaker) or monotonic() > until:
                enough.set()
        await breaking
        async with asyncio.timeout(_FINISHING_SECONDS):
            await asyncio.gather(*living)
        watching.cancel()


def _missing(load: Load, ledger: Ledger, breaker: Breaker) -> list[str]:
    """What was requested and has not happened yet."""
    kinds = ledger.kinds()
    faults = kinds.total() + ledger.disturbances.total()
    return [
        f"{what}: {count} of {asked}"
        for what, count, asked in (
            ("answers", ledger.answers, load.answers),
            ("faults", faults, load.faults),
            *((kind, kinds[kind], load.rounds) for kind in load.only or breaker.ways()),
        )
        if count < asked
    ]


def _line(setup: Setup, ledger: Ledger, began: float) -> str:
    open_answers = sum(device.open() for device in ledger.devices)
    return (
        f"[{setup}] {monotonic() - began:4.0f} s: {ledger.answers} answers, "
        f"{len(ledger.faults)} faults of the parts, {ledger.disturbances.total()} of networks, "
        f"{ledger.refusals.total()} refusals, {open_answers} open, "
        f"{len(ledger.violations)} violations; "
        f"now: {' and '.join(ledger.breaking()) or 'all parts are up'}"
    )
