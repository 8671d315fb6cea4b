"""The RPC methods: each parses, authorises and calls; one table."""

import asyncio
import re
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

import structlog
from msgspec import UNSET, Struct

from proxy_server.access.channels import Channels
from proxy_server.answers.runner import Runner
from proxy_server.answers.titles import title_of
from proxy_server.delivery.announcer import Announcer
from proxy_server.delivery.publisher import Publisher
from proxy_server.delivery.server_api import ServerApi
from proxy_server.errors import (
    ApiRejected,
    ApiUnreachable,
    Forbidden,
    Malformed,
    NotFound,
    NoUser,
    TooLarge,
    Unavailable,
)
from proxy_server.protocol.encoding import decode_request, encode
from proxy_server.protocol.messages import FilePart, Part, TextPart
from proxy_server.protocol.sessions import BEGINNING, Position, Session
from proxy_server.store.conversations import Conversations
from proxy_server.store.outbox import deletion
from proxy_server.store.rows import View
from proxy_server.store.turns import Accepted, Stopped, Turn, Turns

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_MOST_TITLE_CHARACTERS = 200
_MOST_PARTS = 20
_UNSUBSCRIBE_SECONDS = 2.0

log = structlog.get_logger()


class _Send(Struct):
    conversation: str | None = None
    id: str | None = None
    text: str | None = None
    parts: list[TextPart | FilePart] | None = None
    model: str | None = None
    when_busy: Literal["reject", "queue", "interrupt"] = "reject"


class _Open(Struct):
    conversation: str
    limit: int = 50


class _OneMessage(Struct):
    conversation: str
    message: str | None = None


class _List(Struct):
    limit: int = 50
    before: str | None = None


class _History(Struct):
    conversation: str
    limit: int = 50
    before: str | None = None


class _Rename(Struct):
    conversation: str
    title: str


class _Conversation(Struct):
    conversation: str


@dataclass(frozen=True, slots=True)
class PromptRules:
    models: tuple[str, ...]
    max_prompt_bytes: int


class Methods:
    """What a user may call; every method raises a Refusal where it says no."""

    def __init__(
        self,
        *,
        namespace: str,
        rules: PromptRules,
        channels: Channels,
        turns: Turns,
        conversations: Conversations,
        runner: Runner,
        publisher: Publisher,
        announcer: Announcer,
        api: ServerApi,
    ) -> None:
        self._rules = rules
        self._channels = channels
        self._turns = turns
        self._conversations = conversations
        self._runner = runner
        self._publisher = publisher
        self._announcer = announcer
        self._api = api
        table: dict[str, tuple[type[Any], Callable[[str, Any], Awaitable[Any]]]] = {
            "send": (_Send, self._send),
            "open": (_Open, self._open),
            "stop": (_OneMessage, self._stop),
            "regenerate": (_OneMessage, self._regenerate),
            "list": (_List, self._list),
            "history": (_History, self._history),
            "rename": (_Rename, self._rename),
            "delete": (_Conversation, self._delete),
        }
        self._table = {f"{namespace}:{name}": entry for name, entry in table.items()}

    def __contains__(self, method: str) -> bool:
        return method in self._table

    async def call(self, user: str, method: str, data: bytes) -> bytes:
        """Calls a method for a user: JSON in, JSON out."""
        if not user or "\0" in user:
            raise NoUser
        if method not in self._table:
            raise NotFound("There is no such method.")
        shape, handler = self._table[method]
        return encode(await handler(user, decode_request(data, shape)))

    async def _send(self, user: str, request: _Send) -> Session:
        try:
            return await self._accept(user, request)
        except Unavailable:
            # no place for a new answer is no reason to be silent on one that is being made
            repeated = await self._turns.repeated(user, request.id) if request.id else None
            if repeated is None:
                raise
            return self._session(repeated.conversation, repeated.view, BEGINNING)

    async def _accept(self, user: str, request: _Send) -> Session:
        with self._runner.admission():
            turn = await self._turn(user, request)
            accepted = await self._turns.accept(turn)
            if not accepted.repeated:
                log.info(
                    "prompt_accepted",
                    conversation=turn.conversation,
                    message=turn.answer,
                    user=user,
                    queued=accepted.start is None,
                )
                self._carry_out(user, accepted)
        return self._session(accepted.conversation, accepted.view, turn.since)

    async def _turn(self, user: str, request: _Send) -> Turn:
        parts = self._parts(request)
        model = request.model or self._rules.models[0]
        if model not in self._rules.models:
            raise NotFound("There is no such model.")
        _check_id("id", request.id)
        if request.conversation is not None:
            self._own(user, request.conversation)
        since = await self._position(user, request.conversation)
        return Turn(
            user=user,
            conversation=request.conversation or self._channels.new_conversation(user),
            is_new=request.conversation is None,
            message=request.id or str(uuid.uuid4()),
            answer=str(uuid.uuid4()),
            parts=parts,
            model=model,
            title=title_of(parts),
            when_busy=request.when_busy,
            since=since,
        )

    def _parts(self, request: _Send) -> list[Part]:
        if (request.text is None) == (request.parts is None):
            raise Malformed("Give either the field text or the field parts.")
        parts: list[Part] = (
            [TextPart(request.text)] if request.text is not None else list(request.parts or ())
        )
        if len(parts) > _MOST_PARTS:
            raise TooLarge(f"A prompt has at most {_MOST_PARTS} parts.")
        size = 0
        for part in parts:
            content = part.url if isinstance(part, FilePart) else part.text
            if "\0" in content:
                raise Malformed("The prompt contains a NUL character.")
            if isinstance(part, FilePart):
                if not part.media_type.startswith("image/"):
                    raise Malformed("The field parts may hold text and images.")
                # Some model servers fetch it themselves: services of theirs that speak plain HTTP,
                # such as a cloud's metadata, are out of reach.
                if not part.url.startswith(("https://", "data:image/")):
                    raise Malformed("The url of an image must begin with https:// or data:image/.")
                content += part.media_type + (part.filename or "")
            size += len(content.encode())
        if size > self._rules.max_prompt_bytes:
            raise TooLarge(f"The prompt is larger than {self._rules.max_prompt_bytes} bytes.")
        if not any(isinstance(part, FilePart) or part.text.strip() for part in parts):
            raise Malformed("The prompt is empty.")
        return [part for part in parts if isinstance(part, FilePart) or part.text]

    async def _position(self, user: str, conversation: str | None) -> Position:
        """Where the conversation's channel stands: asked before anything is stored.

        What is published after this moment a client receives, so it must come before the store is
        read. It also refuses prompts whose answers could not be delivered.
        """
        if conversation is None and self._publisher.reachable:
            return BEGINNING
        channel = (
            self._channels.of_user(user)[0]
            if conversation is None
            else self._channels.of_conversation(conversation)
        )
        try:
            top = (await self._api.history(channel, limit=0)).top
        except (ApiUnreachable, ApiRejected) as error:
            raise Unavailable("Answers cannot be delivered at the moment. Try again.") from error
        return BEGINNING if conversation is None else top

    async def _open(self, user: str, request: _Open) -> Session:
        self._own(user, request.conversation)
        channel = self._channels.of_conversation(request.conversation)
        try:
            since = (await self._api.history(channel, limit=0)).top
        except (ApiUnreachable, ApiRejected):
            # A client that follows from the beginning gets more than it needs, or opens again.
            since = BEGINNING
        view = await self._conversations.view(user, request.conversation, _page_size(request.limit))
        return self._session(request.conversation, view, since)

    async def _regenerate(self, user: str, request: _OneMessage) -> Session:
        self._own(user, request.conversation)
        _check_id("message", request.message)
        with self._runner.admission():
            since = await self._position(user, request.conversation)
            accepted = await self._turns.regenerate(
                user,
                request.conversation,
                request.message,
                str(uuid.uuid4()),
                self._rules.models,
                since,
            )
            self._carry_out(user, accepted)
        return self._session(request.conversation, accepted.view, since)

    async def _stop(self, user: str, request: _OneMessage) -> dict[str, bool]:
        self._own(user, request.conversation)
        _check_id("message", request.message)
        stopped = await self._turns.stop(user, request.conversation, request.message)
        self._end(user, stopped)
        return {"stopped": bool(stopped.running or stopped.cancelled)}

    async def _list(self, user: str, request: _List) -> dict[str, Any]:
        channel = self._channels.of_user(user)[0]
        try:
            since = (await self._api.history(channel, limit=0)).top
        except (ApiUnreachable, ApiRejected):
            since = BEGINNING
        found, cursor = await self._conversations.list(
            user, _page_size(request.limit), request.before
        )
        page = {"conversations": found, "channel": channel, "since": since}
        return page | ({"next": cursor} if cursor else {})

    async def _history(self, user: str, request: _History) -> dict[str, Any]:
        self._own(user, request.conversation)
        view = await self._conversations.view(
            user, request.conversation, _page_size(request.limit), request.before
        )
        return {"messages": view.messages} | ({"next": view.next} if view.next else {})

    async def _rename(self, user: str, request: _Rename) -> dict[str, Any]:
        self._own(user, request.conversation)
        title = " ".join(request.title.replace("\0", "").split())[:_MOST_TITLE_CHARACTERS]
        if not title:
            raise Malformed("The field title is empty.")
        summary = await self._conversations.rename(user, request.conversation, title)
        self._announcer.title(user, summary)
        return {}

    async def _delete(self, user: str, request: _Conversation) -> dict[str, Any]:
        self._own(user, request.conversation)
        for message in await self._conversations.delete(user, request.conversation):
            self._runner.stop(message, "lost")
        channel = self._channels.of_conversation(request.conversation)
        told = self._runner.tell(deletion(user, request.conversation))
        try:
            async with asyncio.timeout(_UNSUBSCRIBE_SECONDS):
                await asyncio.shield(told)
                await self._api.unsubscribe(channel, user)
        except (ApiUnreachable, ApiRejected, TimeoutError) as error:
            log.warning("unsubscribe_failed", channel=channel, error=repr(error))
        return {}

    def _carry_out(self, user: str, accepted: Accepted) -> None:
        for opening in accepted.openings:
            self._announcer.opening(opening)
        self._end(user, accepted.stopped)
        if accepted.summary is not None:
            self._announcer.summary(user, accepted.summary)
        if accepted.start is not None:
            self._runner.start(accepted.start)

    def _end(self, user: str, stopped: Stopped) -> None:
        for message in stopped.running:
            self._runner.stop(message)
        for opening in stopped.openings:
            self._announcer.opening(opening)
        for last in stopped.cancelled:
            self._runner.tell(last)
        if stopped.summary is not None:
            self._announcer.summary(user, stopped.summary)

    def _own(self, user: str, conversation: str) -> None:
        if not self._channels.owns(user, conversation):
            raise Forbidden

    def _session(self, conversation: str, view: View, since: Position) -> Session:
        return Session(
            conversation,
            self._channels.of_conversation(conversation),
            view.title,
            view.messages,
            view.since or since,
            view.generation,
            view.next or UNSET,
        )


def _check_id(field: str, value: str | None) -> None:
    if value is not None and not _ID.fullmatch(value):
        raise Malformed(f"The field {field} must be 1 to 64 letters, digits, - or _.")


def _page_size(limit: int) -> int:
    if limit < 1:
        raise Malformed("The field limit must be at least 1.")
    return min(limit, 200)
