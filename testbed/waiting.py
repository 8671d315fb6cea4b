"""How long anything is waited for, and how."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

WAIT = 20.0
_T = TypeVar("_T")


async def until(condition: Callable[[], Awaitable[_T | None]]) -> _T:
    """Waits for something that comes true by itself, and gives it."""
    async with asyncio.timeout(WAIT):
        while not (found := await condition()):
            await asyncio.sleep(0.05)
    return found
