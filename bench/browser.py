"""A cheap Centrifugo client: thousands of them share a core with the rest of the load.

Not testbed.connection: here frames are read in C, and only the few fields that count are decoded.
"""

import asyncio
import itertools
import time
from collections.abc import Callable
from typing import Any

import aiohttp
import msgspec
from msgspec import Raw, Struct

WAIT = 60.0


class Chunk(Struct, gc=False):
    type: str = ""
    delta: str = ""


class Data(Struct, gc=False):
    """A publication of any program of the bench: `chunks` are ours, `text` the peers'."""

    type: str = ""
    seq: int = 0
    chunks: list[Chunk] = []
    text: str = ""
    end: bool = False


class Publication(Struct, gc=False):
    data: Data


class _Push(Struct, gc=False):
    pub: Publication | None = None


class _Subscribed(Struct, gc=False):
    publications: list[Publication] = []


class _Rpc(Struct, gc=False):
    data: Raw


class _Connected(Struct, gc=False):
    data: Raw = Raw(b"{}")


class _Error(Struct, gc=False):
    code: int = 0
    message: str = ""


class Reply(Struct, gc=False):
    id: int = 0
    push: _Push | None = None
    error: _Error | None = None
    rpc: _Rpc | None = None
    connect: _Connected | None = None
    subscribe: _Subscribed | None = None


_decode = msgspec.json.Decoder(Reply).decode
_encode = msgspec.json.encode


class RefusedError(Exception):
    """Centrifugo, or its backend, answered a command with an error."""


class Browser:
    """One connection. `received` is called for each publication, with its frame's arrival time.

    `bytes` counts the live publications as sent over the wire.
    """

    def __init__(self, received: Callable[[Data, float], None] = lambda *_: None) -> None:
        self.received = received
        self.bytes = 0
        self._ids = itertools.count(1)
        self._replies: dict[int, asyncio.Future[Reply]] = {}

    async def connect(
        self,
        session: aiohttp.ClientSession,
        url: str,
        tasks: asyncio.TaskGroup,
        token: str | None = None,
    ) -> Raw:
        """Connects; returns the reply's data, with the visitor's token.

        Reads in a task of the group: any error there ends the whole run.
        """
        self._socket = await session.ws_connect(url, max_msg_size=0)
        tasks.create_task(self._read())
        data = {} if token is None else {"token": token}
        reply = await self.command("connect", {"data": data})
        assert reply.connect is not None
        return reply.connect.data

    async def close(self) -> None:
        await self._socket.close()

    async def command(self, name: str, body: dict[str, Any]) -> Reply:
        number = next(self._ids)
        reply = self._replies[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_str(_encode({"id": number, name: body}).decode())
        answer: Reply = await asyncio.wait_for(reply, WAIT)
        if answer.error is not None:
            raise RefusedError(f"{name}: {answer.error.code} {answer.error.message}")
        return answer

    async def rpc(self, method: str, **data: Any) -> Raw:
        reply = await self.command("rpc", {"method": method, "data": data})
        assert reply.rpc is not None
        return reply.rpc.data

    async def _read(self) -> None:
        async for frame in self._socket:
            now = time.monotonic()
            for line in frame.data.split("\n"):
                if not line:
                    continue
                if line == "{}":
                    await self._socket.send_str("{}")
                    continue
                message = _decode(line)
                if message.push is not None:
                    if message.push.pub is not None:
                        self.bytes += len(line.encode())
                        self.received(message.push.pub.data, now)
                    continue
                if message.subscribe is not None:
                    for publication in message.subscribe.publications:
                        self.received(publication.data, now)
                self._replies.pop(message.id).set_result(message)
