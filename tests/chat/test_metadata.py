"""A responder's metadata: kept through checkpoints, waiting, takeover and the store."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from proxy_server import Turn
from proxy_server.protocol.encoding import encode
from proxy_server.protocol.messages import Message
from proxy_server.testing import InMemoryCentrifugo
from testbed.waiting import until
from tests.chat import shop
from tests.chat.asking import Chat, Serve, text

HERE = "tests.chat.test_metadata"
OURS = {"created_at", "status", "model", "finish_reason", "usage"}
seen: list[Turn] = []


async def gives(turn: Turn) -> AsyncIterator[str | Mapping[str, Any]]:
    seen.append(turn)
    yield {"type": "start", "messageMetadata": {"job": {"id": 7}, "status": "mine"}}
    turn.report_metadata({"job": {"state": "begun"}, "model": "mine"})
    yield "Word. "
    if "slowly" in turn.text:
        await asyncio.sleep(60)
    yield {"type": "finish", "messageMetadata": {"job": {"state": "done"}, "created_at": 1}}


async def asks(turn: Turn) -> AsyncIterator[str | Mapping[str, Any]]:
    if turn.trigger == "continue":
        yield {"type": "message-metadata", "messageMetadata": {"paid": True}}
        async for chunk in shop.shop(turn):
            yield chunk
        return
    for chunk in shop.asked("a"):
        yield chunk
    yield {"type": "message-metadata", "messageMetadata": {"order": [1, "a"]}}


async def only(_: Turn) -> AsyncIterator[Mapping[str, Any]]:
    yield {"type": "message-metadata", "messageMetadata": {"a": 1}}


async def too_much(_: Turn) -> AsyncIterator[str | Mapping[str, Any]]:
    yield "Word. "
    yield {"type": "message-metadata", "messageMetadata": {"a": "x" * 30_000}}


def given(message: Message) -> Any:
    metadata = json.loads(encode(message.metadata))
    return {name: value for name, value in metadata.items() if name not in OURS}


async def test_it_is_stored_and_told_beside_ours(
    serve: Serve, centrifugo: InMemoryCentrifugo, user: str
) -> None:
    async with serve(responder=f"{HERE}:gives") as app:
        chat = await Chat.begin(app, user, "Hi")
        message = await chat.until("complete")
        assert given(message) == {"job": {"id": 7, "state": "done"}}
        assert message.metadata.model == "test_metadata"
        assert message.metadata.created_at > 1
        await chat.check_published(centrifugo)
        await chat.send("And?")

        async def asked() -> bool:
            return seen[-1].text == "And?"

        await until(asked)
        assert given(seen[-1].messages[1]) == {"job": {"id": 7, "state": "done"}}


async def test_it_is_read_while_the_answer_is_made_and_taken_over(
    serve: Serve, centrifugo: InMemoryCentrifugo, user: str
) -> None:
    begun = {"job": {"id": 7, "state": "begun"}}
    responder = f"{HERE}:gives"
    async with serve(responder=responder, lease_seconds=1.5) as app:
        chat = await Chat.begin(app, user, "Hi slowly")

        async def shown() -> bool:
            message = await chat.shown()
            return text(message) != "" and given(message) == begun

        await until(shown)
        assert (await chat.shown()).metadata.status == "streaming"
        await app.supervisor.close()
        async with serve(responder=responder, lease_seconds=1.5) as other:
            message = await chat.on(other).until("interrupted")
            assert (text(message), given(message)) == ("Word. ", begun)
            await chat.check_published(centrifugo)


async def test_what_was_not_checkpointed_is_read_back(
    serve: Serve, centrifugo: InMemoryCentrifugo, user: str
) -> None:
    responder = f"{HERE}:gives"
    async with serve(responder=responder, lease_seconds=1.5, checkpoint_seconds=4) as app:
        chat = await Chat.begin(app, user, "Hi slowly")

        async def published() -> bool:
            entries = centrifugo.since(chat.channel, None)
            return any(b"Word" in entry.data for entry in entries)

        await until(published)
        await app.supervisor.close()
        async with serve(responder=responder, lease_seconds=1.5) as other:
            message = await chat.on(other).until("interrupted")
            assert given(message) == {"job": {"id": 7, "state": "begun"}}
            await chat.check_published(centrifugo)


async def test_an_answer_that_waits_keeps_it_and_is_given_more(
    serve: Serve, centrifugo: InMemoryCentrifugo, user: str
) -> None:
    async with serve(responder=f"{HERE}:asks") as app:
        chat = await Chat.begin(app, user, "Hi")
        assert given(await chat.until("waiting")) == {"order": [1, "a"]}
    async with serve(responder=f"{HERE}:asks") as other:
        await chat.on(other).decide(approve=("a",))
        message = await chat.until("complete")
        assert given(message) == {"order": [1, "a"], "paid": True}
        await chat.check_published(centrifugo)


async def test_metadata_alone_is_no_answer(serve: Serve, user: str) -> None:
    async with serve(responder=f"{HERE}:only") as app:
        chat = await Chat.begin(app, user, "Hi")
        message = await chat.until("failed")
        assert message.metadata.error == "There was no answer. Try again."


async def test_too_much_of_it_fails_the_answer(serve: Serve, user: str) -> None:
    async with serve(responder=f"{HERE}:too_much") as app:
        chat = await Chat.begin(app, user, "Hi")
        message = await chat.until("failed")
        assert (
            message.metadata.error
            == "Something went wrong while the answer was being written. Try again."
        )
        assert text(message) == "Word. "
