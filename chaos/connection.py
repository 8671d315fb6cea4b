"""A websocket that speaks Centrifugo's client protocol, and can be cut."""

import asyncio
import itertools
import json
import random
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import websockets

Json = dict[str, Any]

_CALL_SECONDS = 8.0
_FIRST_DELAY = 0.1
_LAST_DELAY = 1.5
# close with a reset and no farewell
_NO_LINGER = struct.pack("ii", 1, 0)
# below are Centrifugo's own codes; from here on, those of the service
_FIRST_OWN_CODE = 400


class Unanswered(Exception):
    """There was no reply: whether the call had its effect is unknown."""


class Refused(Exception):
    """The reply was an error."""

    def __init__(self, code: int, message: str, *, temporary: bool) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.temporary = temporary

    @property
    def without_effect(self) -> bool:
        """Whether the service itself refused; Centrifugo's "internal" does not tell."""
        return self.code >= _FIRST_OWN_CODE


def delays(chance: random.Random) -> Iterator[float]:
    """How long to wait before each further attempt."""
    delay = _FIRST_DELAY
    while True:
        yield delay * chance.uniform(0.5, 1)
        delay = min(2 * delay, _LAST_DELAY)


def fail_loudly(task: asyncio.Task[None]) -> None:
    """Passes a task's exception to the loop's handler, which prints it."""
    if not task.cancelled():
        task.result()


class Connection:
    """`receive` gets each push with its channel, in order, from within the reader.

    closed: set once nothing more arrives.
    """

    def __init__(
        self, websocket: websockets.ClientConnection, receive: Callable[[str, Json], None]
    ) -> None:
        self.hello: Json = {}
        self.closed = asyncio.Event()
        self._websocket = websocket
        self._receive = receive
        self._numbers = itertools.count(1)
        self._calls: dict[int, tuple[asyncio.Future[Json], Callable[[Json], None] | None]] = {}
        self._reader = asyncio.create_task(self._read())
        self._reader.add_done_callback(fail_loudly)

    @classmethod
    async def open(
        cls, url: str, token: str | None, receive: Callable[[str, Json], None]
    ) -> "Connection":
        """Connects as the visitor of that token, or as a new one; raises as `call` does."""
        try:
            websocket = await websockets.connect(
                url, open_timeout=_CALL_SECONDS, ping_interval=None, compression=None
            )
        except (OSError, TimeoutError, websockets.WebSocketException) as error:
            raise Unanswered(repr(error)) from error
        connection = cls(websocket, receive)
        try:
            data = {"token": token} if token else {}
            connection.hello = (await connection.call("connect", {"data": data}))["data"]
        except BaseException:
            connection.cut()
            raise
        return connection

    async def call(
        self, name: str, body: Json, settle: Callable[[Json], None] | None = None
    ) -> Json:
        """Returns the command's result; `settle` gets it before any push that follows it.

        Raises Refused and Unanswered.
        """
        reply: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(_CALL_SECONDS):
                await self.send(name, body, (reply, settle))
                return await reply
        except (TimeoutError, websockets.ConnectionClosed) as error:
            raise Unanswered(repr(error)) from error

    async def send(
        self,
        name: str,
        body: Json,
        call: tuple[asyncio.Future[Json], Callable[[Json], None] | None] | None = None,
    ) -> None:
        """Sends a command; without a future, nobody waits for the reply."""
        number = next(self._numbers)
        if call is not None:
            if self.closed.is_set():
                raise Unanswered
            self._calls[number] = call
        await self._websocket.send(json.dumps({"id": number, name: body}))

    def cut(self) -> None:
        """Resets the connection, as a failing network does."""
        transport = self._websocket.transport
        if (raw := transport.get_extra_info("socket")) is not None and not self.closed.is_set():
            with suppress(OSError):
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        transport.abort()

    async def _read(self) -> None:
        try:
            async for frame in self._websocket:
                # not splitlines(): a text may contain U+2028
                for line in str(frame).strip("\n").split("\n"):
                    await self._take(json.loads(line))
        except websockets.ConnectionClosed:
            pass
        finally:
            self.closed.set()
            for reply, _ in self._calls.values():
                if not reply.done():
                    reply.set_exception(Unanswered())
                    # a caller that stopped waiting does not look
                    reply.exception()

    async def _take(self, message: Json) -> None:
        if not message:
            await self._websocket.send("{}")
        elif "push" in message:
            self._receive(message["push"].get("channel", ""), message["push"])
        elif call := self._calls.pop(message["id"], None):
            reply, settle = call
            if reply.done():
                return
            if error := message.get("error"):
                reply.set_exception(
                    Refused(
                        error["code"],
                        error.get("message", ""),
                        temporary=error.get("temporary", False),
                    )
                )
                return
            result: Json = next(value for key, value in message.items() if key != "id")
            if settle is not None:
                settle(result)
            reply.set_result(result)
