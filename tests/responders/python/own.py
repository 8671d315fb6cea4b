"""Responders as operators would write them, good and bad, to test how they are run."""

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Any

from proxy_server import CannotAnswer, Piece, Reasoning, Turn, Usage, text_of

SECRET = "the secret words of an exception"
FAST = 30_000

seen: list[Turn] = []
done: list[str] = []
release = asyncio.Event()


async def answer(turn: Turn) -> AsyncIterator[str]:
    seen.append(turn)
    yield "Hello, "
    yield f"{turn.user}: {turn.text}"


async def everything(turn: Turn) -> AsyncIterator[object]:
    yield Reasoning("Let me ")
    yield {"type": "reasoning-start", "id": "1"}
    yield {"type": "reasoning-delta", "id": "1", "delta": "think."}
    yield {"type": "reasoning-end", "id": "1"}
    yield ""
    yield {"type": "text-start", "id": "2"}
    yield {"type": "text-delta", "id": "2", "delta": "Words"}
    yield {"type": "text-end", "id": "2"}
    yield Piece({"type": "source-url", "sourceId": "1", "url": "https://example.com"})
    yield " and \ud83d"
    yield "\ude00"
    turn.report_usage(1, 1)
    yield Usage(20, 4, reasoning_tokens=2)
    yield {"type": "finish", "finishReason": "length"}


CALL = {"toolCallId": "t", "toolName": "search"}


async def calls(_: Turn) -> AsyncIterator[object]:
    yield "So far"
    yield {"type": "tool-input-start", **CALL}
    yield {"type": "tool-input-delta", "toolCallId": "t", "inputTextDelta": '{"query": "te'}
    await asyncio.Event().wait()


async def replaces(_: Turn) -> AsyncIterator[object]:
    """Sends far more than an answer may contain, of which little stays."""
    for number in range(20):
        yield {"type": "data-state", "id": "s", "data": [number, 150_000 * "x"]}
        yield {"type": "data-moment", "data": 150_000 * "x", "transient": True}
    yield {"type": "data-state", "id": "s", "data": "done"}
    yield "Done."


async def refers(_: Turn) -> AsyncIterator[object]:
    yield "So far"
    yield {"type": "tool-output-available", "toolCallId": "t", "output": SECRET}


async def remembers(turn: Turn) -> AsyncIterator[str]:
    yield " | ".join(f"{message.role}: {text_of(message)}" for message in turn.messages)


async def reports(turn: Turn) -> AsyncIterator[str]:
    turn.report_usage(7, 3, cached_input_tokens=5)
    yield "Paid."
    raise RuntimeError(SECRET)


async def raises(_: Turn) -> AsyncIterator[str]:
    yield "So far"
    raise RuntimeError(SECRET)


async def exits(_: Turn) -> AsyncIterator[str]:
    yield "So far"
    raise SystemExit(SECRET)


class Odd(BaseException):
    pass


async def odd(_: Turn) -> AsyncIterator[str]:
    yield "So far"
    raise BaseExceptionGroup(SECRET, [Odd()])


async def cancels_itself(_: Turn) -> AsyncIterator[str]:
    yield "So far"
    raise asyncio.CancelledError(SECRET)


async def declines(_: Turn) -> AsyncIterator[str]:
    yield "So far"
    raise CannotAnswer("This document is still being read.", SECRET)


async def number(_: Turn) -> AsyncIterator[object]:
    yield "So far"
    yield 7


async def error_chunk(_: Turn) -> AsyncIterator[object]:
    yield "So far"
    yield {"type": "error", "errorText": SECRET}


async def no_json(_: Turn) -> AsyncIterator[object]:
    yield "So far"
    yield {"type": "data-x", "data": object()}


async def nothing(turn: Turn) -> AsyncIterator[str]:
    for _ in turn.messages[1:]:
        yield ""


class Held:
    """What a responder opens, and must close in the same task."""

    async def __aenter__(self) -> None:
        self._task = asyncio.current_task()

    async def __aexit__(self, *_: object) -> None:
        await asyncio.sleep(0)
        assert asyncio.current_task() is self._task
        done.append("aexit")


async def waits(_: Turn) -> AsyncIterator[str]:
    try:
        async with Held():
            yield "So far"
            await asyncio.Event().wait()
    finally:
        await asyncio.sleep(0)
        done.append("finally")


async def floods(_: Turn) -> AsyncIterator[str]:
    """Never waits, and never ends."""
    try:
        async with Held():
            while True:
                yield "x"
    finally:
        done.append("finally")


async def swallows(_: Turn) -> AsyncIterator[str]:
    yield "So far"
    while not release.is_set():
        try:
            await release.wait()
        except asyncio.CancelledError:
            done.append("swallowed")


async def speaks_on(_: Turn) -> AsyncIterator[str]:
    yield "So far"
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        done.append("swallowed")
    yield " and on"
    done.append("never")


async def fast(_: Turn) -> AsyncIterator[str]:
    for number in range(FAST):
        yield f"{number} "


class Shop:
    """An object that answers, and holds something."""

    async def answer(self, turn: Turn) -> AsyncIterator[str]:
        yield f"{turn.model} says {turn.data} of {turn.meta}"

    async def close(self) -> None:
        done.append("closed")


class Again:
    """Ends only when begun a second time, by a server that knows it may."""

    retry = True

    async def answer(self, _: Turn) -> AsyncIterator[str]:
        yield f"run {os.environ['RUN']} "
        if os.environ["RUN"] != "last":
            await asyncio.Event().wait()
        yield "whole"


class Once(Again):
    retry = False


shop = Shop()
again = Again()
once = Once()
text = "no function"


async def coroutine(_: Turn) -> str:
    return "Hello"


def plain(_: Turn) -> Any:
    return iter("Hello")


async def two(_: Turn, more: str) -> AsyncIterator[str]:
    yield more
