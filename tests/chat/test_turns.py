"""What a turn may do while another one is running, and what it must not change."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

import pytest

from chaos.view import View
from proxy_server.delivery.server_api import server_api
from proxy_server.protocol.messages import TextPart
from proxy_server.protocol.sessions import BEGINNING
from proxy_server.protocol.turns import Regeneration
from proxy_server.store.admissions import Limits
from proxy_server.store.database import Store
from proxy_server.store.generations import Leases
from proxy_server.store.turns import Turns
from proxy_server.store.versions import Versions
from testbed.client import Json
from testbed.deployment import API_KEY, Deployment
from testbed.door import Door
from testbed.link import Link
from testbed.waiting import until
from tests.turns import new_turn

TITLE_SECONDS = 1.0


async def ended(door: Door, user: str, conversation: str) -> Json:
    """The last answer, once nothing is being made."""

    async def last() -> Json | None:
        opened = await door.rpc(user, "ai:open", conversation=conversation)
        answer: Json = opened["messages"][-1]
        return answer if opened["generation"] is None else None

    return await until(last)


async def test_an_interrupt_needs_no_place_beside_what_it_ends(infrastructure: Deployment) -> None:
    user = str(uuid.uuid4())
    with infrastructure.server(2, GENERATIONS_PER_USER="1") as server:
        async with Door(server.port) as door:
            begun = await door.rpc(user, "ai:send", text="/tokens 3000")
            conversation = begun["conversation"]
            rejected = await door.rpc(user, "ai:send", conversation=conversation, text="a")
            assert rejected["error"]["code"] == 409
            replaced = await door.rpc(
                user,
                "ai:send",
                conversation=conversation,
                text="/tokens 3",
                when_busy="interrupt",
            )
            assert replaced["generation"] is not None
            assert (await ended(door, user, conversation))["metadata"]["status"] == "complete"


async def test_an_answer_is_made_anew_by_a_model_that_is_allowed(
    infrastructure: Deployment,
) -> None:
    user = str(uuid.uuid4())
    with infrastructure.server(2, MODELS="dear") as server:
        async with Door(server.port) as door:
            session = await door.rpc(user, "ai:send", text="/tokens 1", model="dear")
            conversation = session["conversation"]
            assert (await ended(door, user, conversation))["metadata"]["model"] == "dear"
    with infrastructure.server(2) as server:
        async with Door(server.port) as door:
            await door.rpc(user, "ai:regenerate", conversation=conversation)
            assert (await ended(door, user, conversation))["metadata"]["model"] == "test"


async def test_the_name_that_a_user_gave_stays(infrastructure: Deployment) -> None:
    user = str(uuid.uuid4())
    with infrastructure.server(2, TITLES="model") as server:
        async with Door(server.port) as door:
            named, unnamed = [
                (await door.rpc(user, "ai:send", text="/tokens 40"))["conversation"]
                for _ in range(2)
            ]
            await door.rpc(user, "ai:rename", conversation=named, title="Mine")

            async def entitled() -> bool:
                listed = (await door.rpc(user, "ai:list"))["conversations"]
                titles = {one["id"]: one["title"] for one in listed}
                assert titles[named] == "Mine"
                return bool(titles[unnamed] == "A made title")

            await until(entitled)
            await ended(door, user, named)
            await asyncio.sleep(TITLE_SECONDS)
            await entitled()


async def test_the_end_of_a_queued_answer_is_published_after_a_crash(
    infrastructure: Deployment,
) -> None:
    user = str(uuid.uuid4())
    async with Link(infrastructure.api_port) as link:
        with infrastructure.server(2, CENTRIFUGO_API_URL=f"grpc://127.0.0.1:{link.port}") as server:
            async with Door(server.port) as door:
                running = await door.rpc(user, "ai:send", text="/tokens 3000")
                conversation = running["conversation"]
                queued = await door.rpc(
                    user, "ai:send", conversation=conversation, text="a", when_busy="queue"
                )
                message = queued["generation"]["message"]
                link.refusing = True
                link.cut()
                stopped = await door.rpc(
                    user, "ai:stop", conversation=conversation, message=message
                )
                assert stopped == {"stopped": True}
                server.kill()
    with infrastructure.server(2):

        async def arrived() -> list[Json]:
            found = await published(infrastructure, queued["channel"])
            own = [one for one in found if one.get("message") == message]
            return [chunk for one in own for chunk in one["chunks"]]

        [start, end] = await until(arrived)
    assert (start["type"], end["type"], end["reason"]) == ("start", "abort", "stopped")


async def test_a_deletion_is_published_after_a_crash(infrastructure: Deployment) -> None:
    user = str(uuid.uuid4())
    async with Link(infrastructure.api_port) as link:
        with infrastructure.server(2, CENTRIFUGO_API_URL=f"grpc://127.0.0.1:{link.port}") as server:
            async with Door(server.port) as door:
                session = await door.rpc(user, "ai:send", text="/tokens 3000")
                conversation = session["conversation"]
                listed = await door.rpc(user, "ai:list")
                link.refusing = True
                link.cut()
                assert await door.rpc(user, "ai:delete", conversation=conversation) == {}
                server.kill()
    with infrastructure.server(2):
        deleted = {"type": "deleted", "conversation": conversation}
        await until(partial(is_published, infrastructure, listed["channel"], deleted))

        async def is_gone() -> bool:
            return not await published(infrastructure, session["channel"])

        # the texts leave Centrifugo's history as well, once its subscribers are told
        await until(is_gone)


async def test_a_prompt_is_published_after_a_crash(infrastructure: Deployment) -> None:
    user = str(uuid.uuid4())
    async with Link(infrastructure.api_port) as link:
        with infrastructure.server(2, CENTRIFUGO_API_URL=f"grpc://127.0.0.1:{link.port}") as server:
            async with Door(server.port) as door:
                await door.rpc(user, "ai:send", text="/tokens 1")
                listed = await door.rpc(user, "ai:list")

                async def is_settled() -> bool:
                    found = await published(infrastructure, listed["channel"])
                    return bool(found) and found[-1]["conversation"]["status"] == "complete"

                # anything in flight would tell the server that Centrifugo is down
                await until(is_settled)
                link.refusing = True
                link.cut()
                session = await door.rpc(user, "ai:send", text="nobody hears of it")
                assert session["generation"] is not None
                server.kill()
    prompt, answer = session["messages"]
    with infrastructure.server(2):

        async def closed() -> list[Json] | None:
            found = await published(infrastructure, session["channel"])
            return found if any(one["type"] == "chunks" for one in found) else None

        joined, end = await until(closed)
    assert joined == {"type": "message", "message": prompt}
    assert (end["message"], end["seq"]) == (answer["id"], 1)
    assert end["prompt"] == prompt
    assert [chunk["type"] for chunk in end["chunks"]] == ["start", "abort"]


@pytest.mark.parametrize("goes_on", [True, False])
async def test_what_a_dead_server_left_unpublished_comes_in_order(
    infrastructure: Deployment, *, goes_on: bool
) -> None:
    user = str(uuid.uuid4())
    with infrastructure.server(2) as server:
        async with Door(server.port) as door:
            session = await door.rpc(user, "ai:send", text="/tokens 2")
            conversation, replaced = session["conversation"], session["messages"][1]["id"]
            await ended(door, user, conversation)
            async with dead_server(infrastructure) as (_, versions):
                answer = str(uuid.uuid4())
                await versions.regenerate(
                    Regeneration(user, conversation, None, answer, ("test",), BEGINNING)
                )
            if goes_on:
                await door.rpc(
                    user,
                    "ai:send",
                    conversation=conversation,
                    text="/tokens 3",
                    when_busy="queue",
                )
            await ended(door, user, conversation)
            stored = await door.rpc(user, "ai:open", conversation=conversation)

            async def arrived() -> View | None:
                found = await published(infrastructure, session["channel"])
                view = seen(session, found, stored)
                assert replaced not in view.messages
                return None if any(view.open()) else view

            view = await until(arrived)
    assert [(key, shown.status) for key, shown in view.messages.items()] == [
        (message["id"], message["metadata"].get("status")) for message in stored["messages"]
    ]
    answers = [shown.status for shown in view.messages.values() if shown.role == "assistant"]
    assert answers == (["interrupted", "complete"] if goes_on else ["interrupted"])


@pytest.mark.parametrize("dies_late", [True, False])
async def test_a_queued_prompt_that_was_unpublished_comes_with_its_cancel(
    infrastructure: Deployment, *, dies_late: bool
) -> None:
    user, prompt, answer = (str(uuid.uuid4()) for _ in range(3))
    with infrastructure.server(2) as server:
        async with Door(server.port) as door:
            session = await door.rpc(user, "ai:send", text="/tokens 3000")
            conversation = session["conversation"]
            turn = new_turn(
                user,
                conversation,
                message_id=prompt,
                answer_id=answer,
                parts=[TextPart("nobody hears of it")],
                when_busy="queue",
            )
            async with dead_server(infrastructure) as (turns, _):
                assert (await turns.accept(turn)).status == "queued"
                if dies_late:
                    assert (await turns.stop(user, conversation, answer)).cancelled
            if not dies_late:
                await door.rpc(user, "ai:stop", conversation=conversation, message=answer)

            async def arrived() -> View | None:
                found = await published(infrastructure, session["channel"])
                stored = await door.rpc(user, "ai:open", conversation=conversation)
                view = seen(session, found, stored)
                placed = view.messages.get(answer)
                return view if placed is not None and not placed.open else None

            view = await until(arrived)
            await door.rpc(user, "ai:stop", conversation=conversation)
    assert [*view.messages][-2:] == [prompt, answer]
    assert view.messages[answer].status == "stopped"


@asynccontextmanager
async def dead_server(running: Deployment) -> AsyncIterator[tuple[Turns, Versions]]:
    """What it stores is kept, but it publishes nothing any more."""
    store = Store(running.server_settings["DATABASE_URL"])
    parts = store, Leases(store, "dead", 1.0), Limits(10, 100)
    yield Turns(*parts), Versions(*parts)
    await store.close()


def seen(session: Json, publications: Sequence[Json], stored: Json) -> View:
    """What a tab shows that has followed since that session, and opens again if necessary."""
    view = View()
    view.begin(session)
    for publication in publications:
        if not view.apply(publication):
            view.begin(stored)
    return view


async def published(running: Deployment, channel: str) -> list[Json]:
    """All that the channel's history has."""
    api = server_api(running.server_settings["CENTRIFUGO_API_URL"], API_KEY)
    entries = (await api.history(channel)).entries
    await api.close()
    return [json.loads(entry.data) for entry in entries]


async def is_published(running: Deployment, channel: str, publication: Json) -> bool:
    return publication in await published(running, channel)
