"""Answers and conversations larger than a connection carries at once."""

import uuid
from pathlib import Path
from typing import Literal

import pytest

from testbed.client import Client, Json
from testbed.deployment import Deployment
from testbed.door import Door
from testbed.text import text
from testbed.waiting import until
from tests.conftest import SETTINGS

# of the model server, in one answer: some 300 KB, as fast as possible
TOKENS = 90_000
LONG = f"/tokens {TOKENS} rate=10000000"


async def test_a_conversation_beyond_centrifugos_queue_comes_in_pages(client: Client) -> None:
    """With a reply above 1 MB, Centrifugo would disconnect the client each time."""
    session = await client.rpc("ai:send", text=LONG)
    conversation = session["conversation"]
    for turn in range(4):
        if turn:
            session = await client.rpc("ai:send", conversation=conversation, text=LONG)
        assert (await client.follow(session))["text"] == text(TOKENS)
        await client.command("unsubscribe", {"channel": session["channel"]})

    page = await client.rpc("ai:open", conversation=conversation)

    assert len(page["messages"]) < 8
    messages: list[Json] = page["messages"]
    while before := page.get("next"):
        page = await client.rpc("ai:history", conversation=conversation, before=before)
        messages = page["messages"] + messages
    assert [message["role"] for message in messages] == ["user", "assistant"] * 4
    answers = [message["parts"][0]["text"] for message in messages[1::2]]
    assert answers == [text(TOKENS)] * 4


async def test_an_answer_without_end_ends_at_the_bound(infrastructure: Deployment) -> None:
    with infrastructure.server(2, MAX_ANSWER_BYTES="20000") as server:
        async with Door(server.port) as door:
            user = str(uuid.uuid4())
            prompt = f"{LONG} mark={uuid.uuid4().hex}"
            session = await door.rpc(user, "ai:send", text=prompt)

            async def ended() -> Json | None:
                opened = await door.rpc(user, "ai:open", conversation=session["conversation"])
                answer: Json = opened["messages"][-1]
                return answer if opened["generation"] is None else None

            answer = await until(ended)
    assert answer["metadata"]["status"] == "complete"
    assert answer["metadata"]["finish_reason"] == "length"
    assert answer["metadata"]["usage"]["estimated"]
    shown = answer["parts"][0]["text"]
    assert text(TOKENS).startswith(shown)
    # what one read of the socket brought still goes out completely
    assert len(shown) < 200_000 < len(text(TOKENS))


MOST = 3_000_000
RAISED = {
    "CENTRIFUGO_WEBSOCKET_MESSAGE_SIZE_LIMIT": str(16 << 20),
    "CENTRIFUGO_CLIENT_QUEUE_MAX_SIZE": str(16 << 20),
}


@pytest.mark.parametrize("api", ["grpc", "http"])
async def test_prompts_of_megabytes_where_the_limits_were_raised(
    tmp_path: Path, api: Literal["grpc", "http"]
) -> None:
    """Accepted, or refused with the name of the limit; other users are not affected."""
    deployment = Deployment(
        folder=tmp_path,
        api=api,
        settings=SETTINGS | {"MAX_PROMPT_BYTES": str(MOST)},
        centrifugo_settings=RAISED,
    )
    with deployment as running:
        client = await running.connect()
        for size, code in ((MOST + 1, 413), (5 << 20, 413), (10 << 20, 413)):
            refused = (await client.rpc("ai:send", text="x" * size))["error"]
            assert (refused["code"], refused["message"]) == (
                code,
                f"The prompt is larger than {MOST} bytes.",
            )
        # each is six bytes of JSON
        refused = (await client.rpc("ai:send", text="\x01" * 1_000_000))["error"]
        assert refused["code"] == 413
        assert refused["message"] == f"The prompt is larger than {MOST} bytes of JSON."
        prompt = "/tokens 40 pad=".ljust(MOST - 100, "x")
        session = await client.rpc("ai:send", text=prompt)
        assert (await client.follow(session))["text"] == text(40)
        where = {"conversation": session["conversation"]}
        opened = await client.rpc("ai:open", **where)
        earlier = await client.rpc("ai:history", **where, before=opened["next"])
        assert earlier["messages"][0]["parts"][0]["text"] == prompt
        await client.close()


@pytest.mark.parametrize("api", ["grpc", "http"])
async def test_a_publication_that_centrifugo_finds_too_large_stops_no_other(
    tmp_path: Path, api: Literal["grpc", "http"]
) -> None:
    deployment = Deployment(
        folder=tmp_path,
        api=api,
        settings=SETTINGS | {"MAX_PROMPT_BYTES": str(MOST)},
        centrifugo_settings=RAISED | {"CENTRIFUGO_GRPC_API_MAX_RECEIVE_MESSAGE_SIZE": "1000000"},
    )
    with deployment as running:
        client, other = await running.connect(), await running.connect()
        await client.rpc("ai:send", text="/tokens 40 pad=".ljust(2_000_000, "x"))
        session = await other.rpc("ai:send", text="/tokens 40")
        assert (await other.follow(session))["text"] == text(40)
        rejected = running.servers[0].events(event="publication_rejected")
        assert bool(rejected) == (api == "grpc")
        await client.close()
        await other.close()
