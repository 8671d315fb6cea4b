"""Repeats the prompt, one word at a time: `RESPONDER=examples.echo:answer make run`."""

import asyncio
from collections.abc import AsyncIterator

from proxy_server import Turn


async def answer(turn: Turn) -> AsyncIterator[str]:
    for word in turn.text.split():
        yield f"{word} "
        await asyncio.sleep(0.05)
