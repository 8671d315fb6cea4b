"""Responders that block the event loop until that is reported."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from proxy_server import Turn

logs: list[Any] = []


def block() -> None:
    while not any(line["event"] == "event_loop_blocked" for line in [*logs]):
        time.sleep(0.01)


async def answer(_: Turn) -> AsyncIterator[str]:
    yield "So far"
    block()
    yield " and on"


async def in_a_task(_: Turn) -> AsyncIterator[str]:
    yield "So far"

    async def work() -> None:
        block()

    await asyncio.create_task(work())


async def waits(_: Turn) -> AsyncIterator[str]:
    yield "So far"
    await asyncio.sleep(0.5)
