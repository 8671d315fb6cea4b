"""Answers and conversations that are larger than what a connection carries at once."""

import uuid

from testbed.client import Client, Json
from testbed.deployment import Deployment
from testbed.door import Door
from testbed.text import text
from testbed.waiting import until

# of the model server, in one answer: some 300 KB, as fast as it can
TOKENS = 90_000
LONG = f"/tokens {TOKENS} rate=10000000"


async def test_a_conversation_beyond_centrifugos_queue_comes_in_pages(client: Client) -> None:
    """With more than 1 MB in one reply Centrifugo would disconnect the client, each time anew."""
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


async def test_an_answer_without_end_ends_at_the_bound(serverless: Deployment) -> None:
    with serverless.server(2, MAX_ANSWER_BYTES="20000") as server:
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
    # what one read of the socket brought still goes out whole
    assert len(shown) < 200_000 < len(text(TOKENS))
