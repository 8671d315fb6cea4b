"""A conversation with answers that may wait, as another tab sees it."""

import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import msgspec

from proxy_server import App
from proxy_server.answers.growing_message import GrowingMessage
from proxy_server.chat import NewPrompt
from proxy_server.protocol.encoding import encode
from proxy_server.protocol.messages import Message, TextPart
from proxy_server.protocol.publications import published_chunks
from proxy_server.protocol.requests import Approval, ToolOutput
from proxy_server.protocol.sessions import BEGINNING, Session
from proxy_server.protocol.turns import Decided
from proxy_server.testing import InMemoryCentrifugo
from testbed.waiting import until

Json = dict[str, Any]
Serve = Callable[..., AbstractAsyncContextManager[App]]


class Chat:
    """One conversation of a user, as another tab sees it."""

    def __init__(self, app: App, user: str, session: Session) -> None:
        self.app = app
        self.user = user
        self.id = session.conversation
        self.channel = session.channel
        self.answer = session.messages[-1].id

    @classmethod
    async def begin(cls, app: App, user: str, text: str) -> "Chat":
        return cls(app, user, await app.chat.send(user, NewPrompt([TextPart(text)])))

    def on(self, app: App) -> "Chat":
        """The same on another replica."""
        self.app = app
        return self

    async def open(self) -> Session:
        return await self.app.chat.open(self.user, self.id, None, 50)

    async def shown(self) -> Message:
        return next(one for one in (await self.open()).messages if one.id == self.answer)

    async def until(self, status: str) -> Message:
        async def reached() -> Message | None:
            message = await self.shown()
            return message if message.metadata.status == status else None

        return await until(reached)

    async def decide(
        self,
        *,
        approve: tuple[str, ...] = (),
        deny: tuple[str, ...] = (),
        outputs: Json | None = None,
        user: str | None = None,
    ) -> Message:
        said = [(call, True) for call in approve] + [(call, False) for call in deny]
        session = await self.app.chat.decide(
            Decided(
                user=user or self.user,
                conversation_id=self.id,
                message_id=self.answer,
                approvals=[Approval(f"ask-{call}", agreed) for call, agreed in said],
                outputs=[
                    ToolOutput(call, msgspec.Raw(encode(output)))
                    for call, output in (outputs or {}).items()
                ],
                since=BEGINNING,
            )
        )
        [message] = session.messages
        return message

    async def send(self, text: str, **more: Any) -> Session:
        prompt = NewPrompt([TextPart(text)], conversation_id=self.id, **more)
        return await self.app.chat.send(self.user, prompt)

    async def check_published(self, centrifugo: InMemoryCentrifugo) -> None:
        """All that is stored of the answer gets published, with numbers without a gap."""

        async def published() -> bool:
            shown = await self.shown()
            return self._replayed(centrifugo) == encode([shown.parts, shown.metadata])

        await until(published)

    def _replayed(self, centrifugo: InMemoryCentrifugo) -> bytes:
        growing, metadata, seq = GrowingMessage(), None, 0
        for entry in centrifugo.since(self.channel, None):
            publication = published_chunks(entry.data)
            if publication is None or publication.message_id != self.answer:
                continue
            seq += 1
            assert publication.seq == seq
            growing.replay(publication.chunks)
            for chunk in publication.chunks:
                metadata = getattr(chunk, "message_metadata", metadata)
        return encode([growing.ended("waiting")[1], metadata])


def states(message: Message) -> Json:
    """The states of an answer's tools, by call."""
    parts = json.loads(encode(message.parts))
    return {part["toolCallId"]: part["state"] for part in parts if "toolCallId" in part}


def tool(message: Message, call: str) -> Json:
    parts = json.loads(encode(message.parts))
    found: Json = next(part for part in parts if part.get("toolCallId") == call)
    return found


def text(message: Message) -> str:
    return "".join(part.text for part in message.parts if isinstance(part, TextPart))


def nested(depth: int) -> object:
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value
