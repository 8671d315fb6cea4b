"""Agents run as the service runs them, without the store: a prompt in, events out."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx

from proxy_server.protocol.events import Event, Finish, Piece, Reasoning, Text
from proxy_server.protocol.messages import Message, Metadata, Part, TextPart, Usage
from proxy_server.responders.python.responder import PythonResponder
from proxy_server.responders.responder import Prompt


class ModelServer:
    """Over HTTP, recording its requests."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/v1"
        self._told = f"http://127.0.0.1:{port}"

    async def asked(self, mark: str) -> list[dict[str, Any]]:
        return await self._get("asked", mark)

    async def sent(self, mark: str) -> list[dict[str, Any]]:
        return await self._get("sent", mark)

    async def left(self, mark: str) -> bool:
        """Whether the client gave up its one request."""
        sent = await self.sent(mark)
        return len(sent) == 1 and sent[0]["ended_at"] is not None and not sent[0]["whole"]

    async def _get(self, path: str, mark: str) -> list[dict[str, Any]]:
        async with httpx.AsyncClient() as http:
            answer = await http.get(f"{self._told}/{path}", params={"mark": mark})
        found: list[dict[str, Any]] = answer.json()
        return found


def prompt(*said: str | Sequence[Part]) -> Prompt:
    """For a conversation in which user and assistant alternate."""
    history = [
        Message(
            str(number),
            "assistant" if number % 2 else "user",
            [TextPart(one)] if isinstance(one, str) else list(one),
            Metadata(1.0),
        )
        for number, one in enumerate(said)
    ]
    return Prompt("anna", "c1", "m1", "test", history)


@asynccontextmanager
async def running(place: str) -> AsyncIterator[PythonResponder]:
    responder = PythonResponder(place)
    yield responder
    await responder.close()


async def events(responder: PythonResponder, asked: Prompt) -> list[Event]:
    async with responder.answer(asked) as answer:
        return [event async for several in answer for event in several]


def text(said: Sequence[Event]) -> str:
    return _joined(said, Text, "text-delta")


def reasoning(said: Sequence[Event]) -> str:
    return _joined(said, Reasoning, "reasoning-delta")


def _joined(said: Sequence[Event], kind: type[Text | Reasoning], delta: str) -> str:
    pieces = []
    for one in said:
        if isinstance(one, Piece):
            pieces += [one.chunk["delta"]] if one.chunk["type"] == delta else []
        elif isinstance(one, kind):
            pieces.append(one.text)
    return "".join(pieces)


def chunks(said: Sequence[Event], *kinds: str) -> list[Any]:
    """The chunks whose type begins with one of these."""
    return [
        one.chunk
        for one in said
        if isinstance(one, Piece) and str(one.chunk["type"]).startswith(kinds)
    ]


def usage(said: Sequence[Event]) -> Usage:
    return [one for one in said if isinstance(one, Usage)][-1]


def finish(said: Sequence[Event]) -> str:
    [last] = [one for one in said if isinstance(one, Finish)]
    return last.reason
