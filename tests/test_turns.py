"""What a turn may do while another is under way, and what it may not change."""

import asyncio
import json
import uuid

from proxy_server.chunks import Abort, Chunk, Start, published_chunks
from proxy_server.server_api import server_api
from testbed.client import Json
from testbed.deployment import API_KEY, Deployment
from testbed.door import Door
from testbed.link import Link
from testbed.waiting import until

TITLE_SECONDS = 1.0


async def ended(door: Door, user: str, conversation: str) -> Json:
    """The last answer, once nothing is being made."""

    async def last() -> Json | None:
        opened = await door.rpc(user, "ai:open", conversation=conversation)
        answer: Json = opened["messages"][-1]
        return answer if opened["generation"] is None else None

    return await until(last)


async def test_an_interrupt_needs_no_place_beside_what_it_ends(serverless: Deployment) -> None:
    user = str(uuid.uuid4())
    with serverless.server(2, GENERATIONS_PER_USER="1") as server:
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


async def test_an_answer_is_made_anew_by_a_model_that_is_allowed(serverless: Deployment) -> None:
    user = str(uuid.uuid4())
    with serverless.server(2, MODELS="dear") as server:
        async with Door(server.port) as door:
            session = await door.rpc(user, "ai:send", text="/tokens 1", model="dear")
            conversation = session["conversation"]
            assert (await ended(door, user, conversation))["metadata"]["model"] == "dear"
    with serverless.server(2) as server:
        async with Door(server.port) as door:
            await door.rpc(user, "ai:regenerate", conversation=conversation)
            assert (await ended(door, user, conversation))["metadata"]["model"] == "test"


async def test_the_name_that_a_user_gave_stays(serverless: Deployment) -> None:
    user = str(uuid.uuid4())
    with serverless.server(2, TITLES="model") as server:
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


async def test_the_end_of_a_queued_answer_is_told_after_a_crash(serverless: Deployment) -> None:
    user = str(uuid.uuid4())
    async with Link(serverless.api_port) as link:
        with serverless.server(2, CENTRIFUGO_API_URL=f"grpc://127.0.0.1:{link.port}") as server:
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
    api = server_api(serverless.server_settings["CENTRIFUGO_API_URL"], API_KEY)
    with serverless.server(2):

        async def told() -> list[Chunk]:
            entries = (await api.history(queued["channel"])).entries
            found = [published_chunks(entry.data) for entry in entries]
            return [
                chunk for one in found if one and one.message == message for chunk in one.chunks
            ]

        [start, end] = await until(told)
    await api.close()
    assert isinstance(start, Start)
    assert isinstance(end, Abort)
    assert end.reason == "stopped"


async def test_a_deletion_is_told_after_a_crash(serverless: Deployment) -> None:
    user = str(uuid.uuid4())
    async with Link(serverless.api_port) as link:
        with serverless.server(2, CENTRIFUGO_API_URL=f"grpc://127.0.0.1:{link.port}") as server:
            async with Door(server.port) as door:
                session = await door.rpc(user, "ai:send", text="/tokens 3000")
                link.refusing = True
                link.cut()
                assert await door.rpc(user, "ai:delete", conversation=session["conversation"]) == {}
                server.kill()
    api = server_api(serverless.server_settings["CENTRIFUGO_API_URL"], API_KEY)
    with serverless.server(2):

        async def told() -> bool:
            entries = (await api.history(session["channel"])).entries
            return any(json.loads(entry.data) == {"type": "deleted"} for entry in entries)

        await until(told)
    await api.close()
