"""Servers that are killed or paused, answers that take too long, browsers that do not read."""

import asyncio
from functools import partial

from testbed.client import Json
from testbed.deployment import Deployment
from testbed.door import Door
from testbed.link import Link
from testbed.text import text
from testbed.waiting import WAIT, until
from tests.whole.looking import (
    closed_answer,
    ended_at_the_model,
    events_of,
    long_answer,
    shown,
    stored,
    user_of,
    visitor,
)


async def test_another_replica_takes_over_from_a_killed_one(infrastructure: Deployment) -> None:
    with infrastructure.server() as first:
        async with visitor(infrastructure) as client:
            session = await client.rpc("ai:send", text="/tokens 3000")
            following = asyncio.create_task(client.follow(session))
            await asyncio.sleep(2.5)
            with infrastructure.server(2):
                first.kill()
                answer = await asyncio.wait_for(following, 10)
            assert answer["closing"]["reason"] == "interrupted"
            assert text(3000).startswith(answer["text"])
            with infrastructure.server():
                last = await stored(client, session["conversation"], "interrupted")
                assert shown(last) == answer["text"] != ""
                again = await client.rpc("ai:regenerate", conversation=session["conversation"])
                assert again["generation"]["status"] == "streaming"


async def test_a_paused_server_that_wakes_up_shows_nothing(infrastructure: Deployment) -> None:
    with infrastructure.server() as first:
        async with visitor(infrastructure) as client:
            session = await client.rpc("ai:send", text="/tokens 3000")
            following = asyncio.create_task(client.follow(session))
            await asyncio.sleep(1)
            with infrastructure.server(2) as second:
                first.pause()
                answer = await asyncio.wait_for(following, WAIT)
                assert answer["closing"]["reason"] == "interrupted"
                first.resume()
                async with Door(first.port) as door:
                    # it answers again, and had the time for several publications
                    await until(lambda: door.rpc(user_of(client), "ai:list"))
                await asyncio.sleep(1)
                assert client.publications.empty()
                async with Door(second.port) as door:
                    opened = await door.rpc(
                        user_of(client), "ai:open", conversation=session["conversation"]
                    )
                assert opened["generation"] is None
                assert shown(opened["messages"][-1]) == answer["text"]


async def test_an_answer_ends_at_its_time_limit(infrastructure: Deployment) -> None:
    with infrastructure.server(GENERATION_SECONDS="1"):
        async with visitor(infrastructure) as client:
            session, mark = await long_answer(client)
            answer = await client.follow(session)
            assert answer["closing"]["type"] == "error"
            assert "The answer took longer than" in answer["closing"]["errorText"]
            sent = await until(partial(ended_at_the_model, infrastructure, mark))
            assert not sent["whole"]
            assert sent["text"].startswith(answer["text"])
            last = await stored(client, session["conversation"], "failed")
            assert shown(last) == answer["text"] != ""
            assert last["metadata"]["usage"]["estimated"]


async def test_a_stored_end_is_published_although_its_server_died(
    infrastructure: Deployment,
) -> None:
    async with Link(infrastructure.api_port) as link:
        with (
            infrastructure.server(CENTRIFUGO_API_URL=f"grpc://127.0.0.1:{link.port}") as first,
            infrastructure.server(2) as second,
        ):
            async with visitor(infrastructure) as client, Door(second.port) as door:
                session = await client.rpc("ai:send", text="/tokens 3000")
                await client.subscribe(session["channel"], session["since"])
                await asyncio.sleep(0.5)
                link.frozen = True
                where = {"conversation": session["conversation"]}
                await door.rpc(user_of(client), "ai:stop", **where)

                async def stopped() -> Json | None:
                    opened = await door.rpc(user_of(client), "ai:open", **where)
                    last: Json = opened["messages"][-1]
                    return last if last["metadata"]["status"] == "stopped" else None

                last = await until(stopped)
                first.kill()
                link.cut()
                closing: Json = {}
                while closing.get("type") != "abort":
                    publication = await asyncio.wait_for(client.publications.get(), WAIT)
                    closing = publication.get("chunks", [{}])[-1]
                assert closing["reason"] == "stopped"
                assert text(3000).startswith(shown(last))


async def test_an_end_is_not_late_while_its_server_publishes_it(infrastructure: Deployment) -> None:
    async with Link(infrastructure.api_port) as link:
        with infrastructure.server(CENTRIFUGO_API_URL=f"grpc://127.0.0.1:{link.port}") as server:
            async with visitor(infrastructure) as client:
                session = await client.rpc("ai:send", text="/tokens 3000")
                following = asyncio.create_task(client.follow(session))
                await asyncio.sleep(0.5)
                link.refusing = True
                link.cut()
                await client.rpc("ai:stop", conversation=session["conversation"])
                # longer than the outbox waits
                await asyncio.sleep(8)
                link.refusing = False
                assert (await following)["closing"]["reason"] == "stopped"
                assert "published_late" not in events_of(session, server)


async def test_an_end_that_was_taken_over_is_published_once(infrastructure: Deployment) -> None:
    with infrastructure.server() as first:
        async with visitor(infrastructure) as client:
            session = await client.rpc("ai:send", text="/tokens 3000")
            following = asyncio.create_task(client.follow(session))
            await asyncio.sleep(0.5)
            with infrastructure.server(2) as second:
                first.kill()
                assert (await following)["closing"]["reason"] == "interrupted"
                await asyncio.sleep(8)
                assert events_of(session, second) == ["taken_over", "generation_ended"]


async def test_a_browser_that_stops_reading_holds_up_nobody(infrastructure: Deployment) -> None:
    # more in total than its socket and Centrifugo's queue for it hold
    count, size = 24, 100_000
    with infrastructure.server(
        GENERATIONS_PER_USER=str(count), FIRST_TOKEN_SECONDS="30", IDLE_SECONDS="30"
    ) as server:
        async with visitor(infrastructure) as stalled, visitor(infrastructure) as other:
            sessions = []
            for seed in range(count):
                prompt = f"/tokens {size} rate=0 size=20 after=2 seed={seed}"
                sessions.append(await stalled.rpc("ai:send", text=prompt))
                await stalled.subscribe(sessions[seed]["channel"], sessions[seed]["since"])
            stalled.stop_reading()
            answer = await other.follow(await other.rpc("ai:send", text="/tokens 400"))
            assert (answer["text"], answer["closing"]["type"]) == (text(400), "finish")
            async with Door(server.port) as door:
                for seed, session in enumerate(sessions):
                    look = partial(closed_answer, door, user_of(stalled), session["conversation"])
                    assert shown(await until(look)) == text(size, seed)
            # Centrifugo closes the connection
            await stalled.read_to_the_end()
