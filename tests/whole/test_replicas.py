"""Several replicas: what continues from one to another, and what any of them may do."""

import asyncio
import time
import uuid
from functools import partial

from testbed.client import Json
from testbed.deployment import Deployment
from testbed.door import Door
from testbed.link import Link
from testbed.text import text
from testbed.waiting import WAIT, until
from tests.whole.looking import (
    ended_at_the_model,
    events_of,
    long_answer,
    user_of,
    visitor,
)


async def test_what_had_not_begun_goes_to_another_replica(infrastructure: Deployment) -> None:
    with infrastructure.server(MAX_GENERATIONS="1") as first:
        async with visitor(infrastructure) as client, visitor(infrastructure) as other:
            running = await client.rpc("ai:send", text="/tokens 3000")
            waiting = await other.rpc("ai:send", text="/tokens 20")
            cut_short = asyncio.create_task(client.follow(running))
            made = asyncio.create_task(other.follow(waiting))
            with infrastructure.server(2):
                first.ask_to_end()
                assert (await cut_short)["closing"]["reason"] == "interrupted"
                assert (await made)["text"] == text(20)


async def test_a_draining_server_refuses_and_the_rest_goes_on(infrastructure: Deployment) -> None:
    with infrastructure.server(SHUTDOWN_GRACE_SECONDS="20") as first:
        async with visitor(infrastructure) as client:
            session = await client.rpc("ai:send", text="/tokens 200")
            following = asyncio.create_task(client.follow(session))
            async with Door(first.port) as door:
                assert await door.serves()
                first.ask_to_end()

                async def refused() -> Json | None:
                    reply = await client.rpc("ai:send", text="/tokens 5")
                    return reply.get("error")

                error = await until(refused)
                assert (error["code"], error["temporary"]) == (503, True)
                # a balancer that checks health sends nothing more here
                assert not await door.serves()
            answer = await following
            assert (answer["text"], answer["closing"]["type"]) == (text(200), "finish")


async def test_a_prompt_stored_while_its_server_drains_goes_to_another_replica(
    infrastructure: Deployment,
) -> None:
    async with Link(infrastructure.api_port) as link:
        through_it = f"grpc://127.0.0.1:{link.port}"
        # both before anything is frozen: starting one blocks this loop, and so the link
        with (
            infrastructure.server(CENTRIFUGO_API_URL=through_it) as first,
            infrastructure.server(2),
        ):
            async with visitor(infrastructure) as client:
                session = await client.rpc("ai:send", text="/tokens 5")
                await client.follow(session)
                await client.command("unsubscribe", {"channel": session["channel"]})
                link.frozen = True
                prompt = {"text": "/tokens 20", "conversation": session["conversation"]}
                sent = asyncio.create_task(client.rpc("ai:send", **prompt))
                await asyncio.sleep(0.3)
                first.ask_to_end()
                await asyncio.sleep(0.3)
                link.frozen = False
                answer = await client.follow(await sent)
                assert (answer["text"], answer["closing"]["type"]) == (text(20), "finish")


async def test_a_stop_through_any_replica_ends_the_providers_request_within_a_second(
    infrastructure: Deployment,
) -> None:
    with infrastructure.server() as first, infrastructure.server(2) as second:
        for server in (first, second):
            async with visitor(infrastructure) as client, Door(server.port) as door:
                session, mark = await long_answer(client)
                following = asyncio.create_task(client.follow(session))
                await asyncio.sleep(0.5)
                where = {"conversation": session["conversation"]}
                asked_at = time.monotonic()
                assert await door.rpc(user_of(client), "ai:stop", **where) == {"stopped": True}
                answer = await following
                assert answer["closing"]["reason"] == "stopped"
                sent = await until(partial(ended_at_the_model, infrastructure, mark))
                assert sent["text"].startswith(answer["text"])
                assert not sent["whole"]
                # clocks of one machine
                assert sent["ended_at"] - asked_at < 1


async def test_a_delete_through_any_replica_ends_the_answer_and_the_subscriptions(
    infrastructure: Deployment,
) -> None:
    with infrastructure.server() as first, infrastructure.server(2) as second:
        for server in (first, second):
            async with visitor(infrastructure) as client, Door(server.port) as door:
                session, mark = await long_answer(client)
                await client.subscribe(session["channel"], session["since"])
                own = await client.rpc("ai:list")
                await client.subscribe(own["channel"], own["since"])
                await asyncio.sleep(0.5)
                where = {"conversation": session["conversation"]}
                assert await door.rpc(user_of(client), "ai:delete", **where) == {}
                assert await asyncio.wait_for(client.unsubscribed.get(), WAIT) == session["channel"]
                told = [
                    client.publications.get_nowait() for _ in range(client.publications.qsize())
                ]
                assert {"type": "deleted"} in told
                assert {"type": "deleted", "conversation": session["conversation"]} in told
                sent = await until(partial(ended_at_the_model, infrastructure, mark))
                assert not sent["whole"]
                # time for its server to store an end, had it missed the delete
                await asyncio.sleep(0.5)
                assert (await client.rpc("ai:list"))["conversations"] == []
                assert (await client.rpc("ai:open", **where))["error"]["code"] == 403
                assert "generation_ended" not in events_of(session, first)


async def test_the_same_id_through_two_replicas_at_once(infrastructure: Deployment) -> None:
    with infrastructure.server() as first, infrastructure.server(2) as second:
        async with Door(first.port) as a, Door(second.port) as b:
            for _ in range(10):
                mark = str(uuid.uuid4())
                prompt = {"text": f"/tokens 3 mark={mark}", "id": str(uuid.uuid4())}
                sessions = await asyncio.gather(
                    *(door.rpc(mark, "ai:send", **prompt) for door in (a, b, a, b))
                )
                assert len({session["conversation"] for session in sessions}) == 1
                assert len({session["messages"][-1]["id"] for session in sessions}) == 1
                await until(partial(ended_at_the_model, infrastructure, mark))
