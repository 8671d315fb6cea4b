"""Answers whose server dies, with responders that may run twice, and with others."""

import asyncio
from typing import Any

import pytest

from testbed.client import Client
from testbed.deployment import Deployment
from testbed.door import Door
from testbed.process import Process
from testbed.waiting import WAIT, until

Json = dict[str, Any]


def server(infrastructure: Deployment, number: int, run: str, responder: str = "again") -> Process:
    return infrastructure.server(
        number, RESPONDER=f"tests.responders.python.own:{responder}", RUN=run
    )


async def begun(client: Client) -> tuple[Json, list[Json]]:
    """The session of an answer, and its publications until some of it is shown."""
    session = await client.rpc("ai:send", text="Hi", key="mine", data={"page": 1})
    assert "error" not in session, session
    await client.subscribe(session["channel"], session["since"])
    seen: list[Json] = []
    while not any(chunk["type"] == "text-delta" for chunk in chunks_of(seen)):
        seen.append(await asyncio.wait_for(client.publications.get(), WAIT))
    return session, seen


def chunks_of(publications: list[Json]) -> list[Json]:
    return [chunk for one in publications for chunk in one.get("chunks", [])]


async def closed(door: Door, user: str, conversation: str, *, but: str = "") -> Json:
    """The last message, once nothing is being made and it is not `but`."""

    async def last() -> Json | None:
        opened = await door.rpc(user, "ai:open", conversation=conversation)
        message: Json = opened["messages"][-1]
        return message if opened["generation"] is None and message["id"] != but else None

    return await until(last)


async def test_it_is_made_anew_by_another_server(infrastructure: Deployment) -> None:
    with server(infrastructure, 1, "first") as first, server(infrastructure, 2, "last") as second:
        client = await infrastructure.connect()
        session, seen = await begun(client)
        first.kill()
        while not any(chunk["type"] == "finish" for chunk in chunks_of(seen)):
            seen.append(await asyncio.wait_for(client.publications.get(), WAIT))
        old = session["generation"]["message"]
        async with Door(second.port) as door:
            user = client.hello["data"]["user"]
            opened = await door.rpc(user, "ai:open", conversation=session["conversation"])
        await client.close()
    prompt, answer = opened["messages"]
    assert prompt["id"] == session["messages"][0]["id"]
    assert answer["parts"] == [{"type": "text", "text": "run last whole"}]
    assert answer["metadata"]["status"] == "complete"

    # what was shown is closed, then it leaves, and the new answer joins with its prompt
    kinds = [one["type"] for one in seen]
    ended = next(at for at, one in enumerate(seen) if chunks_of([one])[-1:] == [interrupted(seen)])
    left = kinds.index("removed")
    joined = next(at for at, one in enumerate(seen) if one.get("message") == answer["id"])
    assert ended < left < joined
    assert seen[left]["messages"] == [old]
    assert (seen[joined]["seq"], seen[joined]["prompt"]["id"]) == (1, prompt["id"])
    [line] = second.events(event="begun_again")
    assert (line["message"], line["instead_of"]) == (answer["id"], old)


def interrupted(seen: list[Json]) -> Json:
    [chunk] = [chunk for chunk in chunks_of(seen) if chunk["type"] == "abort"]
    assert chunk["reason"] == "interrupted"
    return chunk


@pytest.mark.parametrize("responder", ["once", "again"])
async def test_it_stays_interrupted(infrastructure: Deployment, responder: str) -> None:
    """Of a responder without `retry`, and of an answer that was to be stopped."""
    with (
        server(infrastructure, 1, "first", responder) as first,
        server(infrastructure, 2, "last", responder) as second,
    ):
        client = await infrastructure.connect()
        session, _ = await begun(client)
        first.kill()
        async with Door(second.port) as door:
            user, conversation = client.hello["data"]["user"], session["conversation"]
            if responder == "again":
                await door.rpc(user, "ai:stop", conversation=conversation)
            message = await closed(door, user, conversation)
            # a prompt after it is answered as usual
            await door.rpc(user, "ai:send", conversation=conversation, text="Again")
            following = await closed(door, user, conversation, but=message["id"])
        await client.close()
    assert message["id"] == session["generation"]["message"]
    assert message["metadata"]["status"] == "interrupted"
    assert message["parts"] == [{"type": "text", "text": "run first "}]
    assert following["parts"] == [{"type": "text", "text": "run last whole"}]
    assert second.events(event="begun_again") == []


async def test_it_is_made_anew_once(infrastructure: Deployment) -> None:
    with (
        server(infrastructure, 1, "first") as first,
        server(infrastructure, 2, "second") as second,
    ):
        client = await infrastructure.connect()
        session, seen = await begun(client)
        first.kill()
        while not any(chunk.get("delta") == "run second " for chunk in chunks_of(seen)):
            seen.append(await asyncio.wait_for(client.publications.get(), WAIT))
        with server(infrastructure, 3, "last") as third:
            second.kill()
            async with Door(third.port) as door:
                user = client.hello["data"]["user"]
                message = await closed(door, user, session["conversation"])
        await client.close()
    assert message["metadata"]["status"] == "interrupted"
    assert message["parts"] == [{"type": "text", "text": "run second "}]
    assert third.events(event="begun_again") == []
