"""Asks, and prints the answer as it arrives: python chat.py ws://…/connection/websocket "Hello"

A client for centrifuge-python that follows docs/protocol.md; docs/clients.md explains it. It stays
exact through lost connections and restarts. It is one long file so that it can be copied: an app
needs every rule in it, and rewrites only the printing.

Environment: TOKEN, a visitor's token from an earlier run; MODEL, one of the service's models.
"""

import asyncio
import os
import sys
import uuid
from typing import Any

from centrifuge import (
    CentrifugeError,
    Client,
    ClientEventHandler,
    ClientState,
    ReplyError,
    StreamPosition,
    SubscriptionEventHandler,
    SubscriptionState,
)

Json = dict[str, Any]

CLOSED = ("complete", "stopped", "failed", "interrupted")
TRIES = 20
# How long an open answer may be silent before a check: at first, and at most.
SILENCE = (10, 60)


class Connection:
    """A visitor's connection. An app with its own users gives Client `get_token`, not `data`."""

    def __init__(self, url: str, token: str = "") -> None:
        self.number = 0
        self.hello: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        events = ClientEventHandler()
        events.on_connected = self._connected
        events.on_disconnected = self._disconnected
        self.client = Client(url, events, data={"token": token} if token else {})

    @classmethod
    async def open(cls, url: str, token: str = "") -> "Connection":
        """Without a token, connects twice: it must reconnect as the same visitor."""
        connection = cls(url, token)
        await connection.client.connect()
        await first_of(connection.hello, connection.ended)
        if connection.ended.done():
            sys.exit(f"[{connection.ended.result()}]")
        if (given := connection.hello.result()["token"]) == token:
            return connection
        await connection.client.disconnect()
        return await cls.open(url, given)

    async def call(self, method: str, data: Json) -> Json:
        """Retries until there is a reply, for about a minute."""
        for tries in range(1, TRIES + 1):
            try:
                reply: Json = (await self.client.rpc(f"ai:{method}", data)).data
                return reply
            except ReplyError as error:
                if not error.temporary or error.code == 429 or tries == TRIES:
                    raise
            except CentrifugeError:  # no reply: whether the call had its effect is unknown
                if self.client.state == ClientState.DISCONNECTED or tries == TRIES:
                    raise
            await asyncio.sleep(min(0.1 * 2**tries, 5))
        raise AssertionError

    async def _connected(self, context: Any) -> None:
        self.number += 1
        if not self.hello.done():
            self.hello.set_result(context.data)

    async def _disconnected(self, context: Any) -> None:
        """Disconnected for good: otherwise the client is connecting again."""
        if not self.ended.done():
            self.ended.set_result(context.reason)


class Conversation:
    """The exact state of a conversation. `changed` is set whenever there is something new."""

    def __init__(self, connection: Connection, session: Json) -> None:
        self.id: str = session["conversation"]
        self.messages: list[Json] = []
        self.changed = asyncio.Event()
        self.gone = False  # deleted, or another user's
        self._connection = connection
        self._channel: str = session["channel"]
        self._session: Json | None = session  # the first one; later ones are requested
        self._came_by = connection.number
        self._epoch = ""
        # of each open answer: the last seq that its parts contain
        self._contained: dict[str, int] = {}
        self._sought: set[str] = set()  # unknown ids for which the conversation was opened once
        self._delay = 0.0
        self._came = 0  # number of publications
        self._watching: asyncio.Task[None] | None = None
        self._reopening: asyncio.Task[None] | None = None
        self._subscription: Any = None

    @classmethod
    async def begin(cls, connection: Connection, method: str, request: Json) -> "Conversation":
        """Follows the conversation in the session that a call returns: "send" or "open"."""
        conversation = cls(connection, await connection.call(method, request))
        await conversation._follow()
        conversation._watching = asyncio.create_task(conversation._watch())
        return conversation

    def find(self, message: str) -> Json | None:
        return next((m for m in self.messages if m["id"] == message), None)

    def after(self, message: str) -> Json | None:
        places = zip(self.messages, self.messages[1:], strict=False)
        return next((follower for m, follower in places if m["id"] == message), None)

    async def close(self) -> None:
        for task in (self._watching, self._reopening):
            if task is not None:
                task.cancel()
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            await self._remove(subscription)

    async def _follow(self) -> None:
        events = SubscriptionEventHandler()
        events.on_subscribed = self._subscribed
        events.on_unsubscribed = self._unsubscribed
        events.on_publication = self._publication
        self._subscription = self._connection.client.new_subscription(
            self._channel, events, get_state=self._state
        )
        await self._subscription.subscribe()

    async def _state(self, _channel: str) -> StreamPosition:
        """The SDK calls this first, and whenever it could not recover."""
        try:
            opened = self._session or await self._connection.call("open", {"conversation": self.id})
        except ReplyError as error:
            if not error.temporary:  # otherwise the SDK asks again
                self._leave()
            raise
        if self._session is None:
            self._came_by = self._connection.number
        self._session = None
        self.messages = opened["messages"]
        generation = opened["generation"]
        self._contained = {generation["message"]: generation["seq"]} if generation else {}
        self.changed.set()
        self._epoch = opened["since"]["epoch"]
        return StreamPosition(**opened["since"])

    async def _subscribed(self, context: Any) -> None:
        # an empty epoch is valid only for the connection that brought it
        stale = self._epoch == "" and self._came_by != self._connection.number
        self._epoch = context.stream_position.epoch
        if stale or not context.recovered:
            self._again()

    async def _unsubscribed(self, _context: Any) -> None:
        if self._subscription is not None:  # not by us: it was deleted, or belongs to another user
            self._leave()

    def _again(self) -> None:
        """Starts over with another session. Handlers must not wait for the SDK, so a task does."""
        self._reopening = asyncio.create_task(self._reopen(self._subscription))
        self._subscription = None  # pending events of the old subscription arrive again

    async def _reopen(self, subscription: Any) -> None:
        await self._remove(subscription)
        await asyncio.sleep(self._delay)
        self._delay = min(2 * self._delay + 0.1, 5)
        await self._follow()

    async def _remove(self, subscription: Any) -> None:
        await subscription.unsubscribe()
        self._connection.client.remove_subscription(subscription)

    async def _watch(self) -> None:
        """If the last publication of an answer is lost, no later one reveals the gap."""
        silence, longest = SILENCE
        while not self.gone:
            came = self._came
            await asyncio.sleep(silence)
            if came != self._came or not self._expects():
                silence, _ = SILENCE
                continue
            silence = min(2 * silence, longest)
            subscription = self._subscription
            if subscription is not None and subscription.state == SubscriptionState.SUBSCRIBED:
                self._again()

    def _expects(self) -> bool:
        """Whether more will arrive by itself."""
        return any(
            not is_closed(m) and m["metadata"].get("status") != "waiting" for m in self.messages
        )

    def _leave(self) -> None:
        self.gone = True
        self.changed.set()

    async def _publication(self, context: Any) -> None:
        if self._subscription is None:
            return
        self._came += 1
        publication: Json = context.pub.data
        match publication["type"]:
            case "message":
                self._join(publication["message"], publication.get("after"))
            case "chunks":
                self._grow(publication)
            case "removed":
                left = publication["messages"]
                self.messages = [m for m in self.messages if m["id"] not in left]
            case "deleted":
                self._leave()
        self.changed.set()

    def _join(self, message: Json, after: str | None) -> bool:
        """Adds a message at the end; false if the conversation must be opened again."""
        if self.find(message["id"]) is not None or after in self._sought:
            return True
        if after is not None and self.find(after) is None:
            self._sought.add(after)
            self._again()
            return False
        self.messages.append(message)
        return True

    def _grow(self, publication: Json) -> None:
        name, seq, prompt = publication["message"], publication["seq"], publication.get("prompt")
        message, contained = self.find(name), self._contained.get(name, 0)
        if seq <= contained or (message is not None and is_closed(message)):
            return
        if seq > contained + 1:
            self._again()
            return
        if message is None:
            if prompt is not None:
                if not self._join(prompt, publication.get("after")):
                    return
                self._join(prompt, None)
                ids = [m["id"] for m in self.messages]
                del self.messages[ids.index(prompt["id"]) + 1 :]
            message = {"id": name, "role": "assistant", "parts": [], "metadata": {}}
            self.messages.append(message)
        for chunk in publication["chunks"]:
            apply(message, chunk)
        self._contained[name] = seq
        self._delay = 0.0


def is_closed(message: Json) -> bool:
    """Whether nothing more can arrive. Unknown statuses are open, as `waiting` is."""
    return message["role"] == "user" or message["metadata"].get("status") in CLOSED


def apply(message: Json, chunk: Json) -> None:
    """Ignores unknown chunks and those without text."""
    parts: list[Json] = message["parts"]
    match chunk["type"]:
        case "text-start" | "reasoning-start" as kind:
            parts.append({"type": kind.removesuffix("-start"), "text": ""})
        case "text-delta" | "reasoning-delta":
            last = next(part for part in reversed(parts) if part["type"] in ("text", "reasoning"))
            last["text"] += chunk["delta"]
        case "start-step":
            parts.append({"type": "step-start"})
        case "reset-step":  # the step is made again
            while parts and parts[-1]["type"] != "step-start":
                parts.pop()
    message["metadata"] = chunk.get("messageMetadata", message["metadata"])


def text_of(message: Json) -> str:
    return "".join(part["text"] for part in message["parts"] if part["type"] == "text")


async def print_answer(conversation: Conversation, prompt: str) -> str:
    """Prints the answer as it grows; returns its final status."""
    shown = status = ""
    while not conversation.gone:
        await conversation.changed.wait()
        conversation.changed.clear()
        if (answer := conversation.after(prompt)) is None:
            continue  # it is being regenerated, and has not begun
        text = text_of(answer)
        # a session may lag a little behind what was shown
        if not shown.startswith(text):
            again = not text.startswith(shown)
            print(f"\n{text}" if again else text.removeprefix(shown), end="", flush=True)
            shown = text
        before, status = status, answer["metadata"].get("status", "")
        if status == "waiting" != before:
            print("[waiting for somebody's decision]", file=sys.stderr)
        if is_closed(answer):
            print()
            return str(answer["metadata"].get("error", status))
    return "gone"


async def first_of(*futures: asyncio.Future[Any]) -> None:
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)


async def main(url: str, text: str) -> None:
    connection = await Connection.open(url, os.environ.get("TOKEN", ""))
    prompt = {"id": str(uuid.uuid4()), "text": text}
    if model := os.environ.get("MODEL"):
        prompt["model"] = model
    conversation = await Conversation.begin(connection, "send", prompt)
    answer = asyncio.create_task(print_answer(conversation, prompt["id"]))
    await first_of(answer, connection.ended)
    ended = (answer if answer.done() else connection.ended).result()
    await connection.client.disconnect()
    if ended != "complete":
        sys.exit(f"[{ended}]")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
