"""A TCP link to one server, with faults on demand."""

import asyncio
from typing import Self

from testbed.ports import free_port

_QUIET_SECONDS = 0.05
_READ_BYTES = 1 << 16


class Link:
    """Listens on `port` and passes bytes to and from `target`.

    refusing: new connections are closed at once, as by a server that is down.
    frozen: bytes in both directions wait, as in a network that drops packets.
    losing_replies: requests arrive and have their effect; at the first byte of a reply the
        connection is cut.
    left: how many of the swallowed connections the target has closed.
    lost_replies, held: how often replies were lost, and how often bytes had to wait.
    """

    def __init__(self, target: int) -> None:
        self.port = free_port()
        self.target = target
        self.refusing = False
        self.losing_replies = False
        self.lost_replies = 0
        self.held = 0
        self.left = 0
        self._passing = asyncio.Event()
        self._passing.set()
        self._open: set[asyncio.StreamWriter] = set()
        self._lost: set[asyncio.StreamWriter] = set()
        self._handlers: set[asyncio.Task[None] | None] = set()
        self._server: asyncio.Server | None = None

    @property
    def frozen(self) -> bool:
        return not self._passing.is_set()

    @frozen.setter
    def frozen(self, value: bool) -> None:
        if value:
            self._passing.clear()
        else:
            self._passing.set()

    def swallow(self) -> int:
        """Silently drops all traffic of the present connections; returns how many there were.

        Like a middlebox that forgot them: neither end is notified, not even that the other has
        closed; new connections pass.
        """
        self._lost |= self._open
        return len(self._open) // 2

    def cut(self) -> int:
        """Resets every connection; returns how many there were."""
        writers = list(self._open)
        for writer in writers:
            writer.transport.abort()
        return len(writers) // 2

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self.refusing = True
        self._passing.set()
        # Repeatedly: a connection to the target that is still being made is not open yet. Besides,
        #     asyncio leaks a connection that it has just accepted when its server is closed.
        while True:
            self.cut()
            await asyncio.sleep(_QUIET_SECONDS)
            if not self._handlers:
                break
        self._server.close()
        await self._server.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handler = asyncio.current_task()
        self._handlers.add(handler)
        try:
            if not self.refusing:
                await self._pass_on(reader, writer)
        finally:
            writer.transport.abort()
            self._handlers.discard(handler)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            upstream = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            return
        ends = {writer, upstream[1]}
        self._open |= ends
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._copy(reader, upstream[1], replies=False))
                both.create_task(self._copy(upstream[0], writer, replies=True))
        except* OSError:
            pass
        finally:
            self._open -= ends
            self._lost -= ends
            upstream[1].transport.abort()

    async def _copy(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, replies: bool
    ) -> None:
        while data := await reader.read(_READ_BYTES):
            if writer in self._lost:
                continue
            if self.frozen:
                self.held += 1
                await self._passing.wait()
            if replies and self.losing_replies:
                self.lost_replies += 1
                raise ConnectionResetError
            if writer.is_closing():
                return
            writer.write(data)
            await writer.drain()
        if writer in self._lost:
            self.left += replies
        elif not writer.is_closing():
            writer.write_eof()
