"""The environment of the servers in the interleaving machine, with a clock of its own."""

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa

from chaos.view import View
from proxy_server.app import App
from proxy_server.delivery.server_api import History as ChannelHistory
from proxy_server.delivery.server_api import HistoryEntry, Publish, Published
from proxy_server.errors import PositionLost
from proxy_server.protocol.encoding import encode
from proxy_server.protocol.events import Event
from proxy_server.protocol.messages import Message
from proxy_server.protocol.sessions import Position
from proxy_server.protocol.turns import View as ConversationView
from proxy_server.responders.responder import Prompt
from proxy_server.testing import InMemoryCentrifugo
from testbed.versions import Modules

LEASE_SECONDS = 5.0
READERS = 2
FEW = 20
"""More rounds of the loop and the database than any call takes, unless it waits for the clock."""
MOMENT = 0.06
"""Seconds."""
FIRST, SECOND = "first", "second"
Json = dict[str, Any]
_T = TypeVar("_T")


class Clock:
    now = 1e9


class Loop(asyncio.SelectorEventLoop):
    """An event loop whose time passes when the clock is set."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._given = clock

    def time(self) -> float:
        return self._given.now


class Centrifugo(InMemoryCentrifugo):
    """Centrifugo with connections to one channel, and the record of one answer's publications."""

    def __init__(self) -> None:
        super().__init__()
        self.readers = [Reader(self) for _ in range(READERS)]
        self.channel = ""
        self.answer = ""
        self.last_seq = 0
        self.listen(self._deliver)

    def _deliver(self, publication: Publish) -> None:
        if publication.channel != self.channel:
            return
        data = json.loads(publication.data)
        if data.get("message") == self.answer:
            self.last_seq = max(self.last_seq, data["seq"])
        for reader in self.readers:
            if reader.connected and reader.position is not None:
                reader.receive(data)

    def restart(self) -> None:
        super().restart()
        for reader in self.readers:
            reader.connected = False


class Reader:
    """A connection with the chaos program's view; without a position, it has to open again."""

    def __init__(self, centrifugo: "Centrifugo") -> None:
        self.centrifugo = centrifugo
        self.connected = False
        self.position: Position | None = None
        self.view = View()
        self.asked: Position | None = None

    def subscribe(self) -> None:
        missed = self._missed()
        if missed is None:
            self.position, self.asked = None, self.centrifugo.top(self.centrifugo.channel)
        for entry in missed or ():
            if self.position is not None:
                self.receive(json.loads(entry.data))

    def receive(self, publication: Json) -> None:
        assert self.position is not None
        self.position = Position(self.position.offset + 1, self.position.epoch)
        if not self.view.apply(publication):
            self.position = None

    def _missed(self) -> list[HistoryEntry] | None:
        if self.position is None:
            return None
        try:
            return self.centrifugo.since(self.centrifugo.channel, self.position)
        except PositionLost:
            return None


class Edge:
    """Centrifugo's server API for one server: publications wait until a rule delivers them."""

    def __init__(self, centrifugo: Centrifugo, version: Modules) -> None:
        self._centrifugo = centrifugo
        self._errors = version("errors")
        self.waiting: list[tuple[Sequence[Publish], asyncio.Future[list[Published]]]] = []

    async def publish(self, batch: Sequence[Publish]) -> list[Published]:
        reply: asyncio.Future[list[Published]] = asyncio.get_running_loop().create_future()
        self.waiting.append((batch, reply))
        return await reply

    async def history(
        self, channel: str, since: Position | None = None, limit: int = -1
    ) -> ChannelHistory:
        try:
            return await self._centrifugo.history(channel, since, limit)
        except PositionLost as error:
            raise self._errors.PositionLost(error.code, "lost") from error

    async def unsubscribe(self, channel: str, user: str) -> None: ...

    async def history_remove(self, channel: str) -> None: ...

    async def close(self) -> None: ...

    def arrive(self, *, request: bool, reply: bool) -> None:
        """The first waiting publication arrives or is lost; and so is its reply."""
        batch, answer = self.waiting.pop(0)
        positions: list[Published] = [self._centrifugo.take(one) for one in batch if request]
        if answer.done():
            return
        if request and reply:
            answer.set_result(positions)
        else:
            answer.set_exception(self._errors.ApiUnreachable("lost"))


class Saying:
    """An answer that grows as the rules say."""

    def __init__(self, version: Modules) -> None:
        self._finish = version("protocol.events").Finish
        self.said: asyncio.Queue[list[Event] | None] = asyncio.Queue()

    def end(self) -> None:
        self.said.put_nowait([self._finish("stop")])
        self.said.put_nowait(None)

    def __aiter__(self) -> "Saying":
        return self

    async def __anext__(self) -> list[Event]:
        said = await self.said.get()
        if said is None:
            raise StopAsyncIteration
        return said


class Provider:
    """The responder of one server: the first prompt's answer grows as the rules say."""

    def __init__(self, version: Modules) -> None:
        self._version = version
        self.saying: Saying | None = None

    @asynccontextmanager
    async def answer(self, prompt: Prompt) -> AsyncIterator[Saying]:
        saying = Saying(self._version)
        if texts(prompt.history[-1]) == FIRST:
            self.saying = saying
        else:
            saying.end()
        yield saying

    async def close(self) -> None: ...


class Server:
    """The whole service without its door."""

    def __init__(
        self, folder: Path, centrifugo: Centrifugo, clock: Clock, version: Modules
    ) -> None:
        self._clock = clock
        self.loop = Loop(clock)
        self.version = version
        self.edge = Edge(centrifugo, version)
        self.provider = Provider(version)
        self.app: App = version("app").App(
            version("settings").Settings.model_validate(
                {
                    "signing_secrets": "a secret of the tests",
                    "database_url": f"sqlite:///{folder}/conversations.db",
                    "generation_seconds": 1e6,
                    "lease_seconds": LEASE_SECONDS,
                    "max_generations": 10,
                }
            ),
            responder=self.provider,
            centrifugo=self.edge,
        )
        self.loop.run_until_complete(self._begin())

    async def _begin(self) -> None:
        await self.app.__aenter__()
        await self.app.store.write(self._set_clock)

    def _set_clock(self, connection: sa.Connection) -> None:
        driver = connection.connection.driver_connection
        assert driver is not None
        # the database uses the test's clock
        driver.create_function("julianday", 1, lambda _: self._clock.now / 86400 + 2440587.5)

    def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Runs a piece of work, and whatever follows from it."""

        async def until_still() -> _T:
            asked = asyncio.ensure_future(work)
            for _ in range(FEW):
                if not asked.done():
                    await self._settle()
            while not asked.done():
                # it waits for something imminent, and only the clock makes moments pass
                self._clock.now += MOMENT
                await self._settle()
            for _ in range(4):
                await self._settle()
            return asked.result()

        return self.loop.run_until_complete(until_still())

    async def _settle(self) -> None:
        for _ in range(8):
            await asyncio.sleep(0)
        # the database has one thread: this waits for all earlier work
        await self.app.store.read(lambda _: None)

    def view(self, conversation: str) -> ConversationView:
        store = self.app.store
        found: ConversationView = self.run(
            self.version("store.messages").view(store, "anna", conversation, 50)
        )
        return found

    def close(self) -> None:
        self.loop.run_until_complete(self.app.__aexit__(None, None, None))
        self.loop.close()


def texts(message: Message) -> str:
    """Of a message of any version."""
    parts = json.loads(encode(message.parts))
    return "".join(part["text"] for part in parts if part["type"] == "text")
