"""A connection to Centrifugo that raises what its user must decide about, and can be cut."""

import asyncio
import random
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress

import websockets

from testbed import connection
from testbed.connection import Json, Settle, Unanswered

_CALL_SECONDS = 8.0
_FIRST_DELAY = 0.1
_LAST_DELAY = 1.5
# close with a reset and no farewell
_NO_LINGER = struct.pack("ii", 1, 0)
# below are Centrifugo's own codes; from here on, those of the service
_FIRST_OWN_CODE = 400


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


class Connection(connection.Connection):
    def __init__(
        self, websocket: websockets.ClientConnection, receive: Callable[[Json], None]
    ) -> None:
        super().__init__(websocket, receive)
        self.hello: Json = {}

    @classmethod
    async def open(
        cls, url: str, token: str | None, receive: Callable[[Json], None]
    ) -> "Connection":
        """Connects as the visitor of that token, or as a new one; raises as `call` does."""
        try:
            websocket = await websockets.connect(
                url, open_timeout=_CALL_SECONDS, ping_interval=None, compression=None
            )
        except (OSError, TimeoutError, websockets.WebSocketException) as error:
            raise Unanswered(repr(error)) from error
        opened = cls(websocket, receive)
        try:
            data = {"token": token} if token else {}
            opened.hello = (await opened.call("connect", {"data": data}))["data"]
        except BaseException:
            opened.cut()
            raise
        return opened

    async def call(self, name: str, body: Json, settle: Settle | None = None) -> Json:
        """Returns the command's result; `settle` gets it before any push that follows it.

        Raises Refused and Unanswered.
        """

        def settled(reply: Json) -> None:
            if settle is not None and "error" not in reply:
                settle(reply[name])

        try:
            async with asyncio.timeout(_CALL_SECONDS):
                reply = await self.command(name, body, settled)
        except TimeoutError as error:
            raise Unanswered(repr(error)) from error
        if (refusal := reply.get("error")) is not None:
            raise Refused(
                refusal["code"],
                refusal.get("message", ""),
                temporary=refusal.get("temporary", False),
            )
        result: Json = reply[name]
        return result

    def cut(self) -> None:
        """Resets the connection, as a failing network does."""
        transport = self.websocket.transport
        if (raw := transport.get_extra_info("socket")) is not None and not self.closed.is_set():
            with suppress(OSError):
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        transport.abort()
