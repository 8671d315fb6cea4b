"""Centrifugo's JSON protocol over a websocket: commands, their replies, and what is pushed."""

import asyncio
import itertools
import json
from collections.abc import Callable
from typing import Any

import websockets

Json = dict[str, Any]
Settle = Callable[[Json], None]


class Unanswered(Exception):
    """There was no reply: whether the command had its effect is unknown."""


def fail_loudly(task: asyncio.Task[None]) -> None:
    """Passes a task's exception to the loop's handler, which prints it."""
    if not task.cancelled():
        task.result()


class Connection:
    """`receive` gets each push, in order, from within the reader.

    closed: set once nothing more arrives.
    """

    def __init__(
        self, websocket: websockets.ClientConnection, receive: Callable[[Json], None]
    ) -> None:
        self.closed = asyncio.Event()
        self.websocket = websocket
        self._receive = receive
        self._numbers = itertools.count(1)
        self._waiting: dict[int, tuple[asyncio.Future[Json], Settle | None]] = {}
        self._reader = asyncio.create_task(self._read())
        self._reader.add_done_callback(fail_loudly)

    async def command(self, name: str, body: Json, settle: Settle | None = None) -> Json:
        """Returns the whole reply, which may be an error; `settle` gets it before any later push.

        Raises Unanswered.
        """
        if self.closed.is_set():
            raise Unanswered
        number = next(self._numbers)
        reply: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._waiting[number] = reply, settle
        await self._send({"id": number, name: body})
        return await reply

    async def post(self, name: str, body: Json) -> None:
        """Sends a command and does not wait for its reply; raises Unanswered."""
        await self._send({"id": next(self._numbers), name: body})

    async def close(self) -> None:
        await self.websocket.close()
        await self._reader

    async def _send(self, message: Json) -> None:
        try:
            await self.websocket.send(json.dumps(message))
        except websockets.ConnectionClosed as error:
            raise Unanswered from error

    async def _read(self) -> None:
        try:
            async for frame in self.websocket:
                # not splitlines(): a text may contain U+2028
                for line in str(frame).strip("\n").split("\n"):
                    await self._take(json.loads(line))
        except websockets.ConnectionClosed:
            pass
        finally:
            self.closed.set()
            for reply, _ in self._waiting.values():
                if not reply.done():
                    reply.set_exception(Unanswered())
                    # a caller that stopped waiting does not look
                    reply.exception()

    async def _take(self, message: Json) -> None:
        if not message:
            await self.websocket.send("{}")
        elif "push" in message:
            self._receive(message["push"])
        elif waiting := self._waiting.pop(message["id"], None):
            reply, settle = waiting
            if reply.done():
                return
            if settle is not None:
                # here, and not where the reply is awaited: a push may follow it in the same frame
                settle(message)
            reply.set_result(message)
