"""Shared observations: a visitor, what is stored, what the model's server recorded."""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from testbed.client import Client, Json
from testbed.deployment import Deployment
from testbed.door import Door
from testbed.process import Process
from testbed.waiting import until

T = TypeVar("T")


@asynccontextmanager
async def visitor(deployment: Deployment, **data: str) -> AsyncIterator[Client]:
    client = await deployment.connect(**data)
    try:
        yield client
    finally:
        await client.close()


def user_of(client: Client) -> str:
    return str(client.hello["data"]["user"])


async def stored(client: Client, conversation: str, status: str) -> Json:
    """The last message, once it has that status."""

    async def look() -> Json | None:
        opened = await client.rpc("ai:open", conversation=conversation)
        last: Json = opened["messages"][-1]
        return last if last["metadata"]["status"] == status else None

    found: Json = await until(look)
    return found


def shown(message: Json, kind: str = "text") -> str:
    return "".join(part["text"] for part in message["parts"] if part["type"] == kind)


async def long_answer(client: Client) -> tuple[Json, str]:
    """The session of an answer of half a minute, and its mark at the model server."""
    mark = uuid.uuid4().hex
    return await client.rpc("ai:send", text=f"/tokens 3000 mark={mark}"), mark


async def ended_at_the_model(deployment: Deployment, mark: str) -> Json | None:
    sent = await deployment.sent(mark)
    assert len(sent) <= 1
    return sent[0] if sent and sent[0]["ended_at"] else None


def events_of(session: Json, server: Process) -> list[str]:
    """What a server logged about the session's answer."""
    return [line["event"] for line in server.events(message=session["generation"]["message"])]


async def closed_answer(door: Door, user: str, conversation: str) -> Json | None:
    """The last message, if nothing is being made."""
    opened = await door.rpc(user, "ai:open", conversation=conversation)
    last: Json = opened["messages"][-1]
    return last if opened["generation"] is None else None


def async_(look: Callable[[], T]) -> Callable[[], Awaitable[T]]:
    async def looked() -> T:
        return look()

    return looked
