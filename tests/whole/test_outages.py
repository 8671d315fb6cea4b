"""The database or Centrifugo down, without its history, or with lost replies."""

import asyncio
import random
import sqlite3
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from chaos.device import Device
from chaos.view import Shown
from testbed import machine
from testbed.client import Json
from testbed.deployment import Deployment
from testbed.link import Link
from testbed.text import text
from testbed.waiting import until
from tests.conftest import SETTINGS, needs
from tests.whole.looking import (
    async_,
    shown,
    stored,
    visitor,
)


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
    infrastructure: Deployment,
) -> None:
    with infrastructure.server():
        async with visitor(infrastructure) as client:
            session = await client.rpc("ai:send", text="/tokens 600")
            following = asyncio.create_task(client.follow(session))
            await asyncio.sleep(0.5)
            async with outage(infrastructure):
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
    infrastructure: Deployment,
) -> None:
    with infrastructure.server(MAX_GENERATIONS="1"):
        async with visitor(infrastructure) as client, visitor(infrastructure) as other:
            first = await client.rpc("ai:send", text="/tokens 5")
            await client.follow(first)
            await client.command("unsubscribe", {"channel": first["channel"]})
            await other.rpc("ai:send", text="/tokens 50")
            where = {"conversation": first["conversation"]}
            waiting = await client.rpc("ai:send", text="/tokens 20", **where)
            made = asyncio.create_task(client.follow(waiting))
            async with outage(infrastructure):
                await asyncio.sleep(3)
            answer = await made
            assert (answer["text"], answer["closing"]["type"]) == (text(20), "finish")


async def test_lost_replies_of_centrifugo_double_nothing(infrastructure: Deployment) -> None:
    async with Link(infrastructure.api_port) as link:
        with infrastructure.server(CENTRIFUGO_API_URL=f"grpc://127.0.0.1:{link.port}"):
            async with visitor(infrastructure) as client:
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


async def test_the_model_waits_while_centrifugo_is_away(infrastructure: Deployment) -> None:
    """Text that cannot be published gathers up to a limit; the model is not read beyond it."""
    async with Link(infrastructure.api_port) as link:
        api = f"grpc://127.0.0.1:{link.port}"
        # the test's model may take longer to make so many events than a token may take
        environment = {
            "CENTRIFUGO_API_URL": api,
            "MAX_ANSWER_BYTES": "3000000",
            "FIRST_TOKEN_SECONDS": "30",
        }
        with infrastructure.server(1, **environment) as server:
            async with visitor(infrastructure) as client:
                # more events than the socket buffers hold, as fast as they are read
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
                    size = len((await infrastructure.sent(mark))[0]["text"])
                    return size == before

                await until(standing_still)
                assert size < len(text(count)) / 2
                assert server.resident_bytes() < 400 << 20
                link.refusing = False
                assert (await asyncio.wait_for(following, 30))["text"] == text(count)


async def test_centrifugo_restarts_without_its_history(infrastructure: Deployment) -> None:
    with infrastructure.server():
        client = await infrastructure.connect()
        token = client.hello["data"]["token"]
        session = await client.rpc("ai:send", text="/tokens 600")
        for _ in range(2):
            await asyncio.sleep(0.5)
            await asyncio.to_thread(infrastructure.centrifugo.kill)
            await asyncio.to_thread(infrastructure.centrifugo.start)
            async with visitor(infrastructure, token=token) as later:
                opened = await later.rpc("ai:open", conversation=session["conversation"])
                assert text(600).startswith(shown(opened["messages"][-1]))
        async with visitor(infrastructure, token=token) as later:

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
    """An end that is in the history, but of which Centrifugo's nodes were not notified."""
    needs(redis=machine.redis_server())
    deployment = Deployment(folder=tmp_path, engine="redis", settings=SETTINGS)
    async with Link(deployment.redis_port) as redis, Link(deployment.api_port) as api:
        address = f"redis://127.0.0.1:{redis.port}"
        deployment.centrifugo_settings = {"CENTRIFUGO_ENGINE_REDIS_ADDRESS": address}
        deployment.api_link = api.port
        # in threads: Centrifugo and the server need the links when they start
        await asyncio.to_thread(deployment.__enter__)
        device = Device(deployment.url, random.Random(1), recovered=lambda _: None)
        other = await deployment.connect()
        try:
            session = await device.call("ai:send", text="/tokens 60")
            device.show(session)

            def answer() -> Shown:
                return device.view.messages[session["generation"]["message"]]

            # another user's running answer notices that Centrifugo is down
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
