"""For tests of your own code: an in-memory Centrifugo and a scripted responder.

from proxy_server import App, NewPrompt, Text, TextPart

app = App(settings, responder=ScriptedResponder([Text("Hello")]), centrifugo=InMemoryCentrifugo())
async with app:
    session = await app.chat.send("anna", NewPrompt([TextPart("Hi")]))
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from proxy_server.delivery.server_api import History, HistoryEntry, Publish, Published
from proxy_server.errors import PositionLost
from proxy_server.protocol.events import Event, Finish
from proxy_server.protocol.sessions import Position
from proxy_server.responders.responder import Prompt

_UNRECOVERABLE = 112

Listener = Callable[[Publish], None]


class _Channel:
    def __init__(self, epoch: str) -> None:
        self.top = Position(0, epoch)
        self.history: list[HistoryEntry] = []
        self.keys: dict[str, Position] = {}


class InMemoryCentrifugo:
    """Centrifugo's server API: positions, histories, recovery and idempotency keys."""

    def __init__(self) -> None:
        self._starts = 1
        self._channels: defaultdict[str, _Channel] = defaultdict(self._new_channel)
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> None:
        """From now on, calls `listener` with each publication on any channel."""
        self._listeners.append(listener)

    def take(self, publication: Publish) -> Position:
        """Takes one publication; a repeated key returns the first one's position."""
        channel = self._channels[publication.channel]
        if publication.key not in channel.keys:
            channel.top = Position(channel.top.offset + 1, channel.top.epoch)
            channel.history.append(HistoryEntry(channel.top.offset, publication.data))
            channel.keys[publication.key] = channel.top
            for listener in self._listeners:
                listener(publication)
        return channel.keys[publication.key]

    def top(self, channel: str) -> Position:
        """The position of a channel."""
        return self._channels[channel].top

    def since(self, channel: str, position: Position | None) -> list[HistoryEntry]:
        """The publications after a position, or all of them. Raises PositionLost."""
        found = self._channels[channel]
        if position is None:
            return list(found.history)
        first = found.history[0].offset if found.history else found.top.offset + 1
        if position.epoch != found.top.epoch or position.offset < first - 1:
            raise PositionLost(_UNRECOVERABLE, "unrecoverable position")
        return [entry for entry in found.history if entry.offset > position.offset]

    def cut(self, channel: str, entries: int) -> None:
        """Drops the oldest entries of a history."""
        del self._channels[channel].history[:entries]

    def restart(self) -> None:
        """Loses everything: channels continue with another epoch."""
        self._starts += 1
        self._channels.clear()

    async def publish(self, batch: Sequence[Publish]) -> list[Published]:
        return [self.take(publication) for publication in batch]

    async def history(
        self, channel: str, since: Position | None = None, limit: int = -1
    ) -> History:
        found = [] if limit == 0 else self.since(channel, since)
        return History(found[: limit if limit > 0 else None], self.top(channel))

    async def unsubscribe(self, channel: str, user: str) -> None:
        """Does nothing: there are no subscriptions."""

    async def history_remove(self, channel: str) -> None:
        self._channels[channel].history.clear()

    async def close(self) -> None:
        """Holds nothing."""

    def _new_channel(self) -> _Channel:
        return _Channel(f"epoch {self._starts}")


class ScriptedResponder:
    """Answers each prompt with the next list of events, and then ends the answer.

    prompts: what was asked, in order.
    """

    def __init__(self, *script: Sequence[Event]) -> None:
        self.prompts: list[Prompt] = []
        self._script = script

    @asynccontextmanager
    async def answer(self, prompt: Prompt) -> AsyncIterator[AsyncIterator[Sequence[Event]]]:
        self.prompts.append(prompt)
        yield self._events()

    async def close(self) -> None:
        """Holds nothing."""

    async def _events(self) -> AsyncIterator[Sequence[Event]]:
        for events in self._script:
            yield events
        yield [Finish("stop")]
