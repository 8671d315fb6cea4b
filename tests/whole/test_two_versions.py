"""The previous version beside the present one, on one database, as during an update.

The older one starts first, and the newer one migrates its database.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from testbed.client import Json
from testbed.deployment import Deployment
from testbed.door import Door
from testbed.process import Process
from testbed.text import text
from testbed.versions import BEFORE, FIRST, sources
from testbed.waiting import WAIT, until
from tests.whole.looking import shown, user_of, visitor

Empty = Callable[[], Awaitable[str]]
either = pytest.mark.parametrize("olds_door", [True, False], ids=["by-the-old", "by-the-new"])


@contextmanager
def both(
    deployment: Deployment, url: str, version: str, *, olds_door: bool
) -> Iterator[tuple[Process, Process]]:
    """The one that Centrifugo calls, and the other."""
    old = deployment.server(1 if olds_door else 2, DATABASE_URL=url)
    new = deployment.server(2 if olds_door else 1, DATABASE_URL=url)
    old.folder = sources(version)
    with old, new:
        yield (old, new) if olds_door else (new, old)


async def last(door: Door, user: str, conversation: str, status: str) -> Json:
    """The last message, once it has that status."""

    async def look() -> Json | None:
        opened = await door.rpc(user, "ai:open", conversation=conversation)
        found: Json = opened["messages"][-1]
        return found if found["metadata"]["status"] == status else None

    found: Json = await until(look)
    return found


@pytest.mark.parametrize("version", [BEFORE, FIRST], ids=["before", "first"])
@either
async def test_each_takes_over_from_the_other(
    infrastructure: Deployment, empty: Empty, version: str, *, olds_door: bool
) -> None:
    url = await empty()
    with both(infrastructure, url, version, olds_door=olds_door) as (first, second):
        async with visitor(infrastructure) as client, Door(second.port) as door:
            user = user_of(client)
            session = await client.rpc("ai:send", text="/tokens 3000")
            where = {"conversation": session["conversation"]}
            next_up = await client.rpc("ai:send", text="/tokens 20", when_busy="queue", **where)
            assert next_up["generation"]["status"] == "queued"
            following = asyncio.create_task(client.follow(session))
            await until(partial(_checkpoint, door, user, session["conversation"]))
            first.kill()
            answer = await asyncio.wait_for(following, WAIT)
            assert answer["closing"]["reason"] == "interrupted"
            assert text(3000).startswith(answer["text"])
            # what was queued behind it is made by the other server
            made = await last(door, user, session["conversation"], "complete")
            assert shown(made) == text(20)
            opened = await door.rpc(user, "ai:open", **where)
            assert shown(opened["messages"][1]) == answer["text"] != ""
            assert opened["messages"][1]["metadata"]["status"] == "interrupted"
            assert len(opened["messages"]) == 4


async def _checkpoint(door: Door, user: str, conversation: str) -> bool:
    opened = await door.rpc(user, "ai:open", conversation=conversation)
    return bool(opened["generation"]["seq"] > 1)


@pytest.mark.parametrize("version", [BEFORE], ids=["before"])
@either
async def test_each_reads_stops_and_goes_on_with_what_the_other_began(
    infrastructure: Deployment, empty: Empty, version: str, *, olds_door: bool
) -> None:
    url = await empty()
    with both(infrastructure, url, version, olds_door=olds_door) as (_, second):
        async with visitor(infrastructure) as client, Door(second.port) as door:
            user = user_of(client)
            session = await client.rpc("ai:send", text="/reasoning", id="first")
            conversation = session["conversation"]
            where = {"conversation": conversation}
            answer = await client.follow(session)
            assert answer["closing"]["type"] == "finish"
            found = await last(door, user, conversation, "complete")
            assert shown(found) == answer["text"] != ""
            assert shown(found, "reasoning") == answer["reasoning"]
            again = await door.rpc(user, "ai:send", text="/reasoning", id="first")
            assert again["messages"][1]["id"] == session["messages"][1]["id"]

            running = await client.rpc("ai:send", text="/tokens 3000", **where)
            await client.command("unsubscribe", {"channel": session["channel"]})
            following = asyncio.create_task(client.follow(running))
            await until(partial(_checkpoint, door, user, conversation))
            assert await door.rpc(user, "ai:stop", **where) == {"stopped": True}
            stopped = await following
            assert stopped["closing"]["reason"] == "stopped"
            kept = await last(door, user, conversation, "stopped")
            assert shown(kept) == stopped["text"]

            anew = await door.rpc(user, "ai:regenerate", message=kept["id"], **where)
            assert anew["generation"]["status"] == "streaming"
            assert await door.rpc(user, "ai:stop", **where) == {"stopped": True}
            assert await door.rpc(user, "ai:rename", title="A title", **where) == {}
            listed = await client.rpc("ai:list")
            assert [one["title"] for one in listed["conversations"]] == ["A title"]
            assert await door.rpc(user, "ai:delete", **where) == {}
            assert (await client.rpc("ai:list"))["conversations"] == []


@pytest.mark.parametrize("version", [BEFORE], ids=["before"])
@either
async def test_one_that_ends_in_order_leaves_what_waits_to_the_other(
    infrastructure: Deployment, empty: Empty, version: str, *, olds_door: bool
) -> None:
    url = await empty()
    with both(infrastructure, url, version, olds_door=olds_door) as (first, second):
        async with visitor(infrastructure) as client, Door(second.port) as door:
            user = user_of(client)
            session = await client.rpc("ai:send", text="/tokens 3000")
            where = {"conversation": session["conversation"]}
            await client.rpc("ai:send", text="/tokens 20", when_busy="queue", **where)
            following = asyncio.create_task(client.follow(session))
            first.ask_to_end()
            answer = await following
            assert answer["closing"]["reason"] == "interrupted"
            made = await last(door, user, session["conversation"], "complete")
            assert shown(made) == text(20)
            opened = await door.rpc(user, "ai:open", **where)
            assert shown(opened["messages"][1]) == answer["text"]
