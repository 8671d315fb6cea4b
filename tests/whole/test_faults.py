"""What breaks: servers killed, paused and drained, the database away, the way to Centrifugo cut."""

import asyncio
import random
import sqlite3
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

from chaos.device import Device
from chaos.view import Shown
from testbed import machine
from testbed.client import Client, Json
from testbed.deployment import Deployment
from testbed.door import Door
from testbed.link import Link
from testbed.process import Process
from testbed.text import text
from testbed.waiting import WAIT, until
from tests.conftest import SETTINGS, needs

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


def shown(message: Json) -> str:
    return "".join(part["text"] for part in message["parts"] if part["type"] == "text")


async def test_another_replica_takes_over_from_a_killed_one(serverless: Deployment) -> None:
    with serverless.server() as first:
        async with visitor(serverless) as client:
            session = await client.rpc("ai:send", text="/tokens 3000")
            following = asyncio.create_task(client.follow(session))
            await asyncio.sleep(2.5)
            with serverless.server(2):
                first.kill()
                answer = await asyncio.wait_for(following, 10)
            assert answer["closing"]["reason"] == "interrupted"
            assert text(3000).startswith(answer["text"])
            with serverless.server():
                last = await stored(client, session["conversation"], "interrupted")
                assert shown(last) == answer["text"] != ""
                again = await client.rpc("ai:regenerate", conversation=session["conversation"])
                assert again["generation"]["status"] == "streaming"


async def test_a_paused_server_that_wakes_up_shows_nothing(serverless: Deployment) -> None:
    with serverless.server() as first:
        async with visitor(serverless) as client:
            session = await client.rpc("ai:send", text="/tokens 3000")
            following = asyncio.create_task(client.follow(session))
            await asyncio.sleep(1)
            with serverless.server(2) as second:
                first.pause()
                answer = await asyncio.wait_for(following, WAIT)
                assert answer["closing"]["reason"] == "interrupted"
                first.resume()
                async with Door(first.port) as door:
                    # it answers again, and had the time of several publications
                    await until(lambda: door.rpc(user_of(client), "ai:list"))
                await asyncio.sleep(1)
                assert client.publications.empty()
                async with Door(second.port) as door:
                    opened = await door.rpc(
                        user_of(client), "ai:open", conversation=session["conversation"]
                    )
                assert opened["generation"] is None
                assert shown(opened["messages"][-1]) == answer["text"]


async def test_what_had_not_begun_goes_to_another_replica(serverless: Deployment) -> None:
    with serverless.server(MAX_GENERATIONS="1") as first:
        async with visitor(serverless) as client, visitor(serverless) as other:
            running = await client.rpc("ai:send", text="/tokens 3000")
            waiting = await other.rpc("ai:send", text="/tokens 20")
            cut_short = asyncio.create_task(client.follow(running))
            made = asyncio.create_task(other.follow(waiting))
            with serverless.server(2):
                first.ask_to_end()
                assert (await cut_short)["closing"]["reason"] == "interrupted"
                assert (await made)["text"] == text(20)


async def test_a_draining_server_refuses_and_the_rest_goes_on(serverless: Deployment) -> None:
    with serverless.server(SHUTDOWN_GRACE_SECONDS="20") as first:
        async with visitor(serverless) as client:
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
                # a balancer that asks sends nothing more here
                assert not await door.serves()
            answer = await following
            assert (answer["text"], answer["closing"]["type"]) == (text(200), "finish")


async def test_a_prompt_stored_while_its_server_drains_goes_to_another_replica(
    serverless: Deployment,
) -> None:
    async with Link(serverless.api_port) as link:
        through_it = f"grpc://127.0.0.1:{link.port}"
        # both before anything is frozen: a start holds up this loop, and so the link
        with serverless.server(CENTRIFUGO_API_URL=through_it) as first, serverless.server(2):
            async with visitor(serverless) as client:
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
    serverless: Deployment,
) -> None:
    with serverless.server() as first, serverless.server(2) as second:
        for server in (first, second):
            async with visitor(serverless) as client, Door(server.port) as door:
                session, mark = await long_answer(client)
                following = asyncio.create_task(client.follow(session))
                await asyncio.sleep(0.5)
                where = {"conversation": session["conversation"]}
                asked_at = time.monotonic()
                assert await door.rpc(user_of(client), "ai:stop", **where) == {"stopped": True}
                answer = await following
                assert answer["closing"]["reason"] == "stopped"
                sent = await until(partial(_ended, serverless, mark))
                assert sent["text"].startswith(answer["text"])
                assert not sent["whole"]
                # clocks of one machine
                assert sent["ended_at"] - asked_at < 1


async def test_a_delete_through_any_replica_ends_the_answer_and_the_subscriptions(
    serverless: Deployment,
) -> None:
    with serverless.server() as first, serverless.server(2) as second:
        for server in (first, second):
            async with visitor(serverless) as client, Door(server.port) as door:
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
                sent = await until(partial(_ended, serverless, mark))
                assert not sent["whole"]
                # the server that made it had time to store an end, had it not seen the delete
                await asyncio.sleep(0.5)
                assert (await client.rpc("ai:list"))["conversations"] == []
                assert (await client.rpc("ai:open", **where))["error"]["code"] == 403
                assert "generation_ended" not in events_of(session, first)


async def long_answer(client: Client) -> tuple[Json, str]:
    """The session of an answer of half a minute, and its mark at the model server."""
    mark = uuid.uuid4().hex
    return await client.rpc("ai:send", text=f"/tokens 3000 mark={mark}"), mark


async def test_an_answer_ends_at_its_time_limit(serverless: Deployment) -> None:
    with serverless.server(GENERATION_SECONDS="1"):
        async with visitor(serverless) as client:
            session, mark = await long_answer(client)
            answer = await client.follow(session)
            assert answer["closing"]["type"] == "error"
            assert "The answer took longer than" in answer["closing"]["errorText"]
            sent = await until(partial(_ended, serverless, mark))
            assert not sent["whole"]
            assert sent["text"].startswith(answer["text"])
            last = await stored(client, session["conversation"], "failed")
            assert shown(last) == answer["text"] != ""
            assert last["metadata"]["usage"]["estimated"]


async def _ended(deployment: Deployment, mark: str) -> Json | None:
    sent = await deployment.sent(mark)
    assert len(sent) <= 1
    return sent[0] if sent and sent[0]["ended_at"] else None


async def test_the_same_id_through_two_replicas_at_once(serverless: Deployment) -> None:
    with serverless.server() as first, serverless.server(2) as second:
        async with Door(first.port) as a, Door(second.port) as b:
            for _ in range(10):
                mark = str(uuid.uuid4())
                prompt = {"text": f"/tokens 3 mark={mark}", "id": str(uuid.uuid4())}
                sessions = await asyncio.gather(
                    *(door.rpc(mark, "ai:send", **prompt) for door in (a, b, a, b))
                )
                assert len({session["conversation"] for session in sessions}) == 1
                assert len({session["messages"][-1]["id"] for session in sessions}) == 1
                await until(partial(_ended, serverless, mark))


async def test_a_stored_end_is_told_although_its_server_died(serverless: Deployment) -> None:
    async with Link(serverless.api_port) as link:
        with (
            serverless.server(CENTRIFUGO_API_URL=f"grpc://127.0.0.1:{link.port}") as first,
            serverless.server(2) as second,
        ):
            async with visitor(serverless) as client, Door(second.port) as door:
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


async def test_an_end_is_not_late_while_its_server_tells_it(serverless: Deployment) -> None:
    async with Link(serverless.api_port) as link:
        with serverless.server(CENTRIFUGO_API_URL=f"grpc://127.0.0.1:{link.port}") as server:
            async with visitor(serverless) as client:
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
                assert "end_told_late" not in events_of(session, server)


async def test_an_end_that_was_taken_over_is_told_once(serverless: Deployment) -> None:
    with serverless.server() as first:
        async with visitor(serverless) as client:
            session = await client.rpc("ai:send", text="/tokens 3000")
            following = asyncio.create_task(client.follow(session))
            await asyncio.sleep(0.5)
            with serverless.server(2) as second:
                first.kill()
                assert (await following)["closing"]["reason"] == "interrupted"
                await asyncio.sleep(8)
                assert events_of(session, second) == ["taken_over", "generation_ended"]


def events_of(session: Json, server: Process) -> list[str]:
    """What a server logged of the session's answer."""
    return [line["event"] for line in server.events(message=session["generation"]["message"])]


@asynccontextmanager
async def outage(deployment: Deployment) -> AsyncIterator[None]:
    """The database cannot be written: PostgreSQL is stopped, or SQLite's file is locked."""
    if deployment.postgresql is not None:
        await asyncio.to_thread(deployment.postgresql.stop)
        try:
            yield
        finally:
            await asyncio.to_thread(deployment.postgresql.start)
        return
    other = sqlite3.connect(deployment.folder / "conversations.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


async def test_without_a_database_answers_go_on_and_are_stored_later(
    serverless: Deployment,
) -> None:
    with serverless.server():
        async with visitor(serverless) as client:
            session = await client.rpc("ai:send", text="/tokens 600")
            following = asyncio.create_task(client.follow(session))
            await asyncio.sleep(0.5)
            async with outage(serverless):
                error = (await client.rpc("ai:send", text="/tokens 5"))["error"]
                assert (error["code"], error["temporary"]) == (503, True)
                # a subscription needs no database
                assert "error" not in await client.command(
                    "unsubscribe", {"channel": session["channel"]}
                )
                client.publications = asyncio.Queue()
                following.cancel()
                following = asyncio.create_task(client.follow(session))
                # longer than a lease
                await asyncio.sleep(3)
            answer = await following
            assert answer["text"] == text(600)
            assert answer["closing"]["type"] == "finish"
            last = await stored(client, session["conversation"], "complete")
            assert shown(last) == text(600)
            listed = (await client.rpc("ai:list"))["conversations"]
            assert len(listed) == 1


async def test_an_answer_whose_turn_comes_in_an_outage_is_made_after_it(
    serverless: Deployment,
) -> None:
    with serverless.server(MAX_GENERATIONS="1"):
        async with visitor(serverless) as client, visitor(serverless) as other:
            first = await client.rpc("ai:send", text="/tokens 5")
            await client.follow(first)
            await client.command("unsubscribe", {"channel": first["channel"]})
            await other.rpc("ai:send", text="/tokens 50")
            where = {"conversation": first["conversation"]}
            waiting = await client.rpc("ai:send", text="/tokens 20", **where)
            made = asyncio.create_task(client.follow(waiting))
            async with outage(serverless):
                await asyncio.sleep(3)
            answer = await made
            assert (answer["text"], answer["closing"]["type"]) == (text(20), "finish")


async def test_a_browser_that_stops_reading_holds_up_nobody(serverless: Deployment) -> None:
    # more in all than its socket and Centrifugo's queue for it hold
    count, size = 24, 100_000
    with serverless.server(
        GENERATIONS_PER_USER=str(count), FIRST_TOKEN_SECONDS="30", IDLE_SECONDS="30"
    ) as server:
        async with visitor(serverless) as stalled, visitor(serverless) as other:
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
            # Centrifugo has had enough of it
            await stalled.read_to_the_end()


async def closed_answer(door: Door, user: str, conversation: str) -> Json | None:
    """The last message, if nothing is being made."""
    opened = await door.rpc(user, "ai:open", conversation=conversation)
    last: Json = opened["messages"][-1]
    return last if opened["generation"] is None else None


async def test_lost_replies_of_centrifugo_double_nothing(serverless: Deployment) -> None:
    async with Link(serverless.api_port) as link:
        with serverless.server(CENTRIFUGO_API_URL=f"grpc://127.0.0.1:{link.port}"):
            async with visitor(serverless) as client:
                session = await client.rpc("ai:send", text="/tokens 500")
                following = asyncio.create_task(client.follow(session))
                for _ in range(8):
                    await asyncio.sleep(0.2)
                    before = link.lost_replies
                    link.losing_replies = True
                    while link.lost_replies == before:
                        await asyncio.sleep(0.01)
                    link.losing_replies = False
                answer = await following
                assert answer["text"] == text(500)


async def test_the_model_waits_while_centrifugo_is_away(serverless: Deployment) -> None:
    """Text that cannot be published gathers within a bound; the model is not read beyond it."""
    async with Link(serverless.api_port) as link:
        api = f"grpc://127.0.0.1:{link.port}"
        # making so many events may take the test's model longer than a token may take
        environment = {
            "CENTRIFUGO_API_URL": api,
            "MAX_ANSWER_BYTES": "3000000",
            "FIRST_TOKEN_SECONDS": "30",
        }
        with serverless.server(1, **environment) as server:
            async with visitor(serverless) as client:
                # more events than the buffers of sockets hold, as fast as they are read
                mark, count = str(uuid.uuid4()), 400_000
                prompt = f"/tokens {count} size=2 rate=0 mark={mark}"
                session = await client.rpc("ai:send", text=prompt)
                following = asyncio.create_task(client.follow(session))
                await asyncio.sleep(0.5)
                link.refusing = True
                link.cut()
                size = -1

                async def standing_still() -> bool:
                    nonlocal size
                    await asyncio.sleep(0.5)
                    before = size
                    size = len((await serverless.sent(mark))[0]["text"])
                    return size == before

                await until(standing_still)
                assert size < len(text(count)) / 2
                assert server.resident_bytes() < 400 << 20
                link.refusing = False
                assert (await asyncio.wait_for(following, 30))["text"] == text(count)


async def test_centrifugo_restarts_without_its_history(serverless: Deployment) -> None:
    with serverless.server():
        client = await serverless.connect()
        token = client.hello["data"]["token"]
        session = await client.rpc("ai:send", text="/tokens 600")
        for _ in range(2):
            await asyncio.sleep(0.5)
            await asyncio.to_thread(serverless.centrifugo.kill)
            await asyncio.to_thread(serverless.centrifugo.start)
            async with visitor(serverless, token=token) as later:
                opened = await later.rpc("ai:open", conversation=session["conversation"])
                assert text(600).startswith(shown(opened["messages"][-1]))
        async with visitor(serverless, token=token) as later:

            async def followed() -> Json | None:
                opened = await later.rpc("ai:open", conversation=session["conversation"])
                subscribed = await later.subscribe(opened["channel"], opened["since"])
                await later.command("unsubscribe", {"channel": opened["channel"]})
                later.publications = asyncio.Queue()
                return opened if subscribed.get("recovered") else None

            opened = await until(followed)
            answer = await later.follow(opened)
            assert answer["text"] == text(600)
        await client.close()


async def test_what_redis_did_not_deliver_is_shown_after_an_outage(tmp_path: Path) -> None:
    """An end that stands in the history, but that Centrifugo's nodes were not told of."""
    needs(redis=machine.redis_server())
    deployment = Deployment(folder=tmp_path, engine="redis", settings=SETTINGS)
    async with Link(deployment.redis_port) as redis, Link(deployment.api_port) as api:
        address = f"redis://127.0.0.1:{redis.port}"
        deployment.centrifugo_settings = {"CENTRIFUGO_ENGINE_REDIS_ADDRESS": address}
        deployment.api_link = api.port
        # in threads: Centrifugo and the server need the links at their start
        await asyncio.to_thread(deployment.__enter__)
        device = Device(deployment.url, random.Random(1), recovered=lambda _: None)
        other = await deployment.connect()
        try:
            session = await device.call("ai:send", text="/tokens 60")
            device.show(session)

            def answer() -> Shown:
                return device.view.messages[session["generation"]["message"]]

            # somebody whose answer goes on notices that Centrifugo is away
            beside = await other.rpc("ai:send", text="/tokens 400")
            await until(async_(lambda: answer().text))
            redis.refusing = True
            await cut_subscribers(deployment.redis_port)

            async def ended() -> bool:
                opened = await device.call("ai:open", conversation=session["conversation"])
                return opened["generation"] is None

            await until(ended)
            assert answer().open
            api.refusing = True
            api.cut()
            await asyncio.sleep(0.3)
            redis.refusing = api.refusing = False
            await asyncio.wait_for(until(async_(lambda: not answer().open)), 12)
            assert answer().text == text(60)
            assert shown(await stored(other, beside["conversation"], "complete")) == text(400)
        finally:
            await other.close()
            await device.close()
            await asyncio.to_thread(deployment.__exit__, None, None, None)


async def cut_subscribers(redis_port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", redis_port)
    writer.write(b"CLIENT KILL TYPE pubsub\r\n")
    assert int((await reader.readline()).removeprefix(b":")) > 0
    writer.close()


def async_(look: Callable[[], T]) -> Callable[[], Awaitable[T]]:
    async def looked() -> T:
        return look()

    return looked
