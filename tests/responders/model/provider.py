"""A provider whose replies the test chooses; records its requests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from proxy_server.errors import ResponderFailed
from proxy_server.protocol.events import Finish, Text
from proxy_server.protocol.messages import (
    Message,
    Metadata,
    Part,
    Role,
    TextPart,
)
from proxy_server.responders.model.openai_chat import OpenAIChat
from proxy_server.responders.model.openai_client import Server
from proxy_server.responders.responder import Prompt
from tests.responders.model.streams import END, HELLO, WORLD
from tests.responders.serving import serving

Json = dict[str, Any]
LONG_WORDS = "the words of a conversation"


def message(role: Role, *parts: Part) -> Message:
    return Message("id", role, list(parts), Metadata(0))


def prompt(*history: Message) -> Prompt:
    asked = history or (message("user", TextPart(LONG_WORDS)),)
    return Prompt("anna", "conversation", "answer", "test", asked)


class Provider:
    """Answers with the given statuses and bodies, and then normally."""

    def __init__(self, *refusals: tuple[int, object]) -> None:
        self._refusals = list(refusals)
        self.asked: list[Json] = []
        self.requests: list[web.Request] = []

    async def complete(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(await request.json())
        self.requests.append(request)
        if self._refusals:
            status, body = self._refusals.pop(0)
            return web.json_response(body, status=status, headers={"x-request-id": "req-7"})
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write("".join([HELLO, WORLD, *END]).encode())
        return response


@asynccontextmanager
async def asking(provider: Provider, **settings: Any) -> AsyncIterator[OpenAIChat]:
    async with serving("/v1/chat/completions", provider.complete) as url:
        base = f"{url}/v1{settings.pop('query', '')}"
        server = Server(base, "none", 1, first_token_seconds=3, idle_seconds=3, **settings)
        responder = OpenAIChat(server)
        try:
            yield responder
        finally:
            await responder.close()


async def text_of(responder: OpenAIChat, asked: Prompt) -> str:
    async with responder.answer(asked) as answer:
        said = [event async for events in answer for event in events]
    assert said[-1] == Finish("stop")
    return "".join(event.text for event in said if isinstance(event, Text))


async def failure_of(responder: OpenAIChat, asked: Prompt) -> ResponderFailed:
    with pytest.raises(ResponderFailed) as failed:
        await text_of(responder, asked)
    return failed.value
