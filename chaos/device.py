"""One tab of a user: it connects, follows a conversation, and recovers from whatever happens."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from time import monotonic
from typing import Any

from chaos.connection import Connection, Refused, delays
from chaos.view import View
from chaos.wire import Wire
from testbed.connection import Json, Unanswered, fail_loudly

_FORBIDDEN = 403


class Device:
    """Follows one conversation at a time, exactly by the protocol's four steps.

    live: whether it is connected and shows all that was published.
    away: whether it was taken off the network.
    home_since: when it was last put back there, or began to follow its conversation.
    gone: whether the conversation that it followed was deleted.
    disturbed_at: when it last came back from a fault of its own, until it is live again.
    """

    def __init__(
        self,
        url: str,
        chance: random.Random,
        *,
        token: str | None = None,
        careful: bool = True,
        recovered: Callable[[float], None],
    ) -> None:
        self.token = token
        self._live = False
        self.behind_since = monotonic()
        self.away = False
        self.gone = False
        self.home_since = monotonic()
        self.disturbed_at: float | None = None
        self.refusal: Refused | None = None
        self.view = View(careful=careful)
        self.wire = Wire()
        self._url = url
        self._chance = chance
        self._careful = careful
        self._recovered = recovered
        self.conversation: str | None = None
        self._channel = ""
        self._epoch = ""
        self._position: Json = {}
        # the connection that brought a position without an epoch, which is valid only there
        self._brought_by: Connection | None = None
        # whether the view contains all that was published up to the position
        self._whole = False
        self._subscribed = False
        self._connection: Connection | None = None
        self._leaving: asyncio.Task[None] | None = None
        self._connected = asyncio.Event()
        self._at_home = asyncio.Event()
        self._at_home.set()
        self._behind = asyncio.Event()
        self._task = asyncio.create_task(self._run())
        self._task.add_done_callback(fail_loudly)

    @property
    def live(self) -> bool:
        """Whether it shows all that was published until now, and follows."""
        return self._live

    @live.setter
    def live(self, live: bool) -> None:
        if self._live and not live:
            self.behind_since = monotonic()
        self._live = live

    @property
    def idle(self) -> bool:
        """Whether it shows no conversation."""
        return self.conversation is None or self.gone

    def open(self) -> int:
        """How many unfinished answers it shows."""
        return sum(1 for _ in self.view.open())

    def silent(self, since: float) -> list[str]:
        return self.view.silent(since)

    async def call(self, method: str, **data: Any) -> Json:
        """One attempt, once connected; raises Refused and Unanswered."""
        await self._connected.wait()
        assert self._connection is not None
        reply = await self._connection.call("rpc", {"method": method, "data": data})
        result: Json = reply["data"]
        return result

    async def send_and_vanish(self, method: str, pause: float, **data: Any) -> None:
        """Sends a call, and is cut off before, during or after its effect."""
        await self._connected.wait()
        assert self._connection is not None
        with suppress(Unanswered):
            await self._connection.post("rpc", {"method": method, "data": data})
            await asyncio.sleep(pause)
        self.cut()

    def show(self, session: Json) -> None:
        """Follows the conversation of a given session."""
        self._turn_to(session["conversation"])
        self._begin(session, self._connection)

    def look_again(self) -> None:
        """Opens the conversation again: another version may be in view."""
        self._lost_track()

    def turn_to(self, conversation: str) -> None:
        """Follows a conversation of which nothing is known yet."""
        self._turn_to(conversation)

    def cut(self) -> bool:
        """Cuts its connection, if any; it reconnects at once."""
        connected = self._connection is not None and self._connected.is_set()
        if self._connection is not None and connected:
            self._connection.cut()
            self.live = False
        self.disturbed_at = monotonic()
        return connected

    def forget(self) -> bool:
        """Reloads: keeps only the token and the conversation that it showed."""
        self.view.begin({"messages": [], "generation": None})
        self._whole = False
        return self.cut()

    async def stay_away(self, seconds: float) -> bool:
        self.away = True
        self._at_home.clear()
        connected = self.cut()
        await asyncio.sleep(seconds)
        self.away = False
        self.disturbed_at = self.home_since = monotonic()
        self._at_home.set()
        return connected

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self.view.remember()

    def _turn_to(self, conversation: str) -> None:
        if self._subscribed and self._connection is not None:
            # nothing follows from its reply, and what still comes of that channel is left alone
            unsubscribe = self._connection.post("unsubscribe", {"channel": self._channel})
            self._leaving = asyncio.create_task(_quietly(unsubscribe))
        self._subscribed = self._whole = self.live = self.gone = False
        self.home_since = monotonic()
        self.conversation, self._channel = conversation, ""
        self.view.remember()
        self.view = View(careful=self._careful)
        self._behind.set()

    def _begin(
        self, session: Json, connection: Connection | None, known: Iterable[str] = ()
    ) -> None:
        self._channel, self._position = session["channel"], session["since"]
        self._brought_by = connection
        self._whole = True
        self.view.begin(session, known)

    async def _run(self) -> None:
        waits = delays(self._chance)
        while True:
            await self._at_home.wait()
            try:
                self._connection = await Connection.open(self._url, self.token, self._receive)
                self.token = self._connection.hello["token"]
                if self.away:
                    raise Unanswered
                self._connected.set()
                waits = delays(self._chance)
                await self._stay(self._connection)
            except (Unanswered, Refused):
                await asyncio.sleep(next(waits))
            finally:
                self._connected.clear()
                self._subscribed = self.live = False
                if self._connection is not None:
                    self._connection.cut()

    async def _stay(self, connection: Connection) -> None:
        self._behind.set()
        while not connection.closed.is_set():
            waiting = [asyncio.create_task(e.wait()) for e in (self._behind, connection.closed)]
            try:
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in waiting:
                    task.cancel()
            if self._behind.is_set():
                self._behind.clear()
                if self.conversation is not None:
                    await self._follow(connection)
        raise Unanswered

    async def _follow(self, connection: Connection) -> None:
        waits = delays(self._chance)
        conversation = self.conversation
        while conversation == self.conversation and not self.live:
            try:
                stale = not self._position.get("epoch") and self._brought_by is not connection
                if stale or not self._whole:
                    await self._open(connection)
                if conversation == self.conversation:
                    await self._subscribe(connection)
                if conversation == self.conversation and self._whole:
                    self._caught_up()
                    return
            except Refused as error:
                # if it follows another conversation by now, this says nothing about that
                if not error.temporary and conversation == self.conversation:
                    self.refusal = error
                    self.gone = error.code == _FORBIDDEN
                    return
            await asyncio.sleep(next(waits))

    async def _open(self, connection: Connection) -> None:
        """Requests everything anew; ignores late publications for the old state."""
        await self._unsubscribe(connection)
        conversation, known = self.conversation, list(self.view.messages)
        data = {"conversation": conversation}
        session = (await connection.call("rpc", {"method": "ai:open", "data": data}))["data"]
        if conversation == self.conversation:
            self._begin(session, connection, known)

    async def _subscribe(self, connection: Connection) -> None:
        """Subscribes from the position on."""
        channel = self._channel

        def settle(result: Json) -> None:
            if channel != self._channel:
                return
            self._subscribed = True
            self._epoch = result["epoch"]
            self._whole = result.get("recovered", False)
            self._position = {"offset": result.get("offset", 0), "epoch": self._epoch}
            for publication in result.get("publications", ()):
                self._take(publication)

        await connection.call(
            "subscribe", {"channel": channel, "recover": True, **self._position}, settle
        )

    async def _unsubscribe(self, connection: Connection) -> None:
        if self._subscribed:
            self._subscribed = False
            await connection.call("unsubscribe", {"channel": self._channel})

    def _receive(self, push: Json) -> None:
        if push.get("channel", "") != self._channel:
            return
        if publication := push.get("pub"):
            if self._subscribed:
                self._take(publication)
        elif "unsubscribe" in push and not self.gone:
            self._subscribed = False
            self._lost_track()

    def _take(self, publication: Json) -> None:
        offset = publication["offset"]
        self.wire.see(self._epoch, offset, publication["data"])
        if publication["data"]["type"] == "deleted":
            self.gone = True
            return
        if not self.view.apply(publication["data"]):
            self._lost_track()
        elif self._whole:
            self._position = {"offset": offset, "epoch": self._epoch}

    def _lost_track(self) -> None:
        self.live = self._whole = False
        self._behind.set()

    def _caught_up(self) -> None:
        self.live = True
        if self.disturbed_at is not None:
            self._recovered(self.disturbed_at)
            self.disturbed_at = None


async def _quietly(work: Awaitable[None]) -> None:
    with suppress(Unanswered):
        await work
