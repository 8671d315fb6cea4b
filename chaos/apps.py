"""A Node program with many tabs of apps with the AI SDK's `useChat`, driven by commands."""

import asyncio
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from testbed.connection import fail_loudly

_PROGRAM = Path("frontend/client/tests/ai_sdk/told.mjs")
_LONGEST_LINE = 1 << 26


class AppsEndedError(Exception):
    """The program ended before it was told to; its messages are on standard error."""


class Apps:
    """An async context manager that runs the program against a Centrifugo.

    careful: if False, some of the transport's chunks do not reach the AI SDK.
    """

    def __init__(self, port: int, *, careful: bool = True) -> None:
        self._arguments = [f"http://127.0.0.1:{port}", "careful" if careful else "careless"]
        self._numbers = itertools.count(1)
        self._calls: dict[int, asyncio.Future[Any]] = {}
        self._listeners: dict[str, Callable[[Any], None]] = {}
        self._ended = False

    def listen(self, tab: str, listener: Callable[[Any], None]) -> None:
        """Calls the listener with the state of a tab whenever it changes."""
        self._listeners[tab] = listener

    def leave(self, tab: str) -> None:
        del self._listeners[tab]

    async def tell(self, does: str, tab: str, **options: Any) -> Any:
        """Sends a command to a tab, and returns its result."""
        if self._ended:
            raise AppsEndedError
        call = next(self._numbers)
        reply = self._calls[call] = asyncio.get_running_loop().create_future()
        line = json.dumps({"call": call, "does": does, "tab": tab, **options})
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")
        try:
            return await reply
        finally:
            del self._calls[call]

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            *("node", str(_PROGRAM), *self._arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_LONGEST_LINE,
        )
        self._reader = asyncio.create_task(self._read())
        self._reader.add_done_callback(fail_loudly)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            await self._reader
        finally:
            if self._process.returncode is None:
                self._process.kill()
            await self._process.wait()

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            reply = json.loads(line)
            if "stands" in reply:
                if listener := self._listeners.get(reply["tab"]):
                    listener(reply["stands"])
                continue
            # the caller may have given up
            if (waiting := self._calls.get(reply["call"])) and not waiting.done():
                waiting.set_result(reply.get("gives"))
        self._ended = True
        for waiting in self._calls.values():
            if not waiting.done():
                waiting.set_exception(AppsEndedError())
