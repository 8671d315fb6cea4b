"""Decisions that cross restarts, kills and takeovers."""

import asyncio

import pytest

from proxy_server import App
from proxy_server.errors import Unavailable
from proxy_server.testing import InMemoryCentrifugo
from testbed.deployment import Deployment
from testbed.door import Door
from testbed.waiting import until
from tests.chat import shop
from tests.chat.asking import Chat, Json, Serve, nested, states, text


async def test_a_decision_survives_restarts_on_any_replica(
    serve: Serve, centrifugo: InMemoryCentrifugo, user: str
) -> None:
    async with serve() as app:
        chat = await Chat.begin(app, user, "order a b")
        await chat.until("waiting")
        await chat.decide(approve=("a",))
    # as after hours: no history reaches back to the earlier publications
    centrifugo.cut(chat.channel, len(centrifugo.since(chat.channel, None)))
    top = centrifugo.top(chat.channel)
    async with serve() as other, serve() as third:
        opened = await chat.on(other).open()
        # what a server had not published in time may arrive meanwhile
        assert opened.since.epoch == top.epoch
        assert opened.since.offset >= top.offset
        assert opened.generation is not None
        assert (await chat.decide(approve=("b",))).metadata.status == "streaming"
        message = await chat.on(third).until("complete")
    assert states(message) == {"a": "output-available", "b": "output-available"}
    assert {decision.tool_call_id for decision in shop.seen[-1].decisions} == {"a", "b"}


async def gone_on(app: App, user: str) -> Chat:
    """An answer that has continued after a decision, and has not ended."""
    chat = await Chat.begin(app, user, "order a slowly")
    await chat.until("waiting")
    await chat.decide(approve=("a",))

    async def said() -> bool:
        return "Done" in text(await chat.shown())

    await until(said)
    return chat


async def test_an_answer_that_went_on_ends_as_any_other(
    serve: Serve, centrifugo: InMemoryCentrifugo, user: str
) -> None:
    async with serve() as app:
        chat = await gone_on(app, user)
        assert await app.chat.stop(user, chat.id)
        message = await chat.until("stopped")
        assert text(message) == "Let me see. Done."
        await chat.check_published(centrifugo)


async def test_an_answer_that_went_on_is_taken_over(
    serve: Serve, centrifugo: InMemoryCentrifugo, user: str
) -> None:
    async with serve(lease_seconds=1.5) as app:
        chat = await gone_on(app, user)
        await app.supervisor.close()
        async with serve(lease_seconds=1.5) as other:
            message = await chat.on(other).until("interrupted")
            assert text(message) == "Let me see. Done."
            assert states(message) == {"a": "output-available"}
            await chat.check_published(centrifugo)


async def test_an_answer_that_had_not_gone_on_yet_goes_on_elsewhere(
    serve: Serve, centrifugo: InMemoryCentrifugo, user: str
) -> None:
    async with serve() as app:
        chat = await Chat.begin(app, user, "order a")
        await chat.until("waiting")
        draining = asyncio.create_task(app.supervisor.drain(1))
        await asyncio.sleep(0)
        with pytest.raises(Unavailable):
            await chat.decide(approve=("a",))
        await draining
    async with serve() as other:
        await chat.on(other).decide(approve=("a",))
        await chat.until("complete")
        await chat.check_published(centrifugo)


async def test_a_killed_servers_answer_is_decided_on_another(
    infrastructure: Deployment, user: str
) -> None:
    settings = {"RESPONDER": "tests.chat.shop:shop"}
    with infrastructure.server(2, **settings) as server:
        async with Door(server.port) as door:
            session = await door.rpc(user, "ai:send", text="order a")
            where = {"conversation": session["conversation"]}
            answer = session["messages"][-1]["id"]
            await reached(door, user, where, "waiting")
        server.kill()
    with infrastructure.server(3, **settings) as one, infrastructure.server(4, **settings) as other:
        async with Door(one.port) as first, Door(other.port) as second:
            said = {**where, "message": answer}
            refused = [
                (await first.rpc(user, "ai:continue", **said, **wrong))["error"]["code"]
                for wrong in (
                    {},
                    {"approvals": [{"id": "ask-a"}]},
                    {"outputs": [{"toolCallId": "a"}]},
                    {"outputs": [{"toolCallId": "a", "output": 1, "errorText": "no"}]},
                    {"outputs": [{"toolCallId": "a", "output": nested(200)}]},
                    {"outputs": [{"toolCallId": "a", "output": 1}]},
                    {"outputs": [{"toolCallId": "b", "output": 1}]},
                    {"approvals": [{"id": "ask-a", "approved": True, "reason": "x" * 50_000}]},
                )
            ]
            assert refused == [400, 400, 400, 400, 400, 400, 404, 413]
            agreed = {"approvals": [{"id": "ask-a", "approved": True, "reason": "dear"}]}
            replies = await asyncio.gather(
                *(door.rpc(user, "ai:continue", **said, **agreed) for door in (first, second) * 2)
            )
            assert all(reply["messages"][0]["id"] == answer for reply in replies)
            message = await reached(second, user, where, "complete")
    [called] = [part for part in message["parts"] if "toolCallId" in part]
    assert called["output"] == "order of a"
    assert called["approval"] == {"id": "ask-a", "approved": True, "reason": "dear"}


async def reached(door: Door, user: str, where: Json, status: str) -> Json:
    async def last() -> Json | None:
        message: Json = (await door.rpc(user, "ai:open", **where))["messages"][-1]
        return message if message["metadata"]["status"] == status else None

    return await until(last)
