"""Waiting for conditions, with limits."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

WAIT = 20.0
_T = TypeVar("_T")


async def until(condition: Callable[[], Awaitable[_T | None]]) -> _T:
    """Waits until a condition holds; returns its value."""
    async with asyncio.timeout(WAIT):
        while not (found := await condition()):
            await asyncio.sleep(0.05)
    return found
