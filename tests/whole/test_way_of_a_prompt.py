"""A prompt and its answer over one websocket, through all the real parts."""

import asyncio
import uuid

import pytest

from testbed.client import Client
from testbed.deployment import Deployment
from testbed.text import text, tokens


@pytest.mark.quick
async def test_an_answer_comes_back_exactly(client: Client) -> None:
    session = await client.rpc("ai:send", text="/tokens 60")
    assert [message["role"] for message in session["messages"]] == ["user", "assistant"]

    answer = await client.follow(session)

    assert answer["text"] == text(60)
    assert answer["closing"]["type"] == "finish"
    opened = await client.rpc("ai:open", conversation=session["conversation"])
    assert opened["generation"] is None
    stored = opened["messages"][-1]
    assert stored["parts"] == [{"type": "text", "text": text(60)}]
    assert stored["metadata"]["status"] == "complete"
    assert stored["metadata"]["usage"] == {"input_tokens": 7, "output_tokens": 9}


async def test_a_late_joiner_sees_the_same(client: Client, deployment: Deployment) -> None:
    session = await client.rpc("ai:send", text="/tokens 400")
    await asyncio.sleep(2.5)
    second = await deployment.connect(token=client.hello["data"]["token"])
    opened = await second.rpc("ai:open", conversation=session["conversation"])
    assert opened["generation"]["seq"] > 0
    assert opened["messages"][-1]["parts"][-1]["state"] == "streaming"
    late, first = await asyncio.gather(second.follow(opened), client.follow(session))
    await second.close()
    assert late["text"] == first["text"] == text(400)


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [("/crlf", "ok"), ("/bytes", text(9)), ("/surrogates", "😀"), ("/reasoning", "so")],
)
async def test_shapes_of_streams(client: Client, prompt: str, expected: str) -> None:
    answer = await client.follow(await client.rpc("ai:send", text=prompt))
    assert answer["text"] == expected
    assert answer["reasoning"] == ("hmm" if prompt == "/reasoning" else "")
    assert answer["closing"]["type"] == "finish"


@pytest.mark.parametrize(
    ("given", "told"),
    [("length", "length"), ("content_filter", "content-filter"), ("a_new_one", "other")],
)
async def test_why_an_answer_ended(client: Client, given: str, told: str) -> None:
    session = await client.rpc("ai:send", text=f"/tokens 3 finish={given}")
    answer = await client.follow(session)
    assert (answer["text"], answer["closing"]["finishReason"]) == (text(3), told)
    opened = await client.rpc("ai:open", conversation=session["conversation"])
    assert opened["messages"][-1]["metadata"]["finish_reason"] == told


@pytest.mark.parametrize(
    ("prompt", "kept", "sentence"),
    [
        ("/status 401", 0, "does not accept this service's key"),
        ("/status 404", 0, "is not available"),
        ("/status 429", 0, "busy. Try again in a moment"),
        ("/status 429 1", 0, "busy. Try again in 1 seconds"),
        ("/status 500", 0, "Try again"),
        ("/not-sse", 0, "could not be read"),
        ("/empty", 0, "ended without an answer"),
        ("/silent", 0, "did not begin to answer within"),
        ("/stall 5", 5, "fell silent for"),
        ("/cut 5", 5, "broke off"),
        ("/half 5", 5, "broke off"),
    ],
)
@pytest.mark.usefixtures("undisturbed")
async def test_what_a_model_does_wrong_is_told_in_a_sentence(
    client: Client, deployment: Deployment, prompt: str, kept: int, sentence: str
) -> None:
    session = await client.rpc("ai:send", text=prompt)
    answer = await client.follow(session)
    assert answer["text"] == text(kept)
    assert answer["closing"]["type"] == "error"
    assert sentence in answer["closing"]["errorText"]
    logged = deployment.servers[0].events(message=session["generation"]["message"])
    assert [line["event"] for line in logged] == [
        "prompt_accepted",
        "model_failed",
        "generation_ended",
    ]


async def test_the_first_token_is_shown_at_once(infrastructure: Deployment) -> None:
    """It does not wait for more, however long publications are gathered."""
    with infrastructure.server(COALESCE_SECONDS="1"):
        client = await infrastructure.connect()
        session = await client.rpc("ai:send", text="/tokens 8 rate=4")
        await client.subscribe(session["channel"], session["since"])
        pieces: list[str] = []
        while "".join(pieces) != text(8):
            told = await asyncio.wait_for(client.publications.get(), 20)
            deltas = [chunk.get("delta", "") for chunk in told.get("chunks", ())]
            pieces += filter(None, ["".join(deltas)])
        await client.close()
    assert pieces[0] == tokens(8)[0]
    assert len(pieces) < 8


async def test_the_same_id_twice_is_one_prompt(client: Client) -> None:
    prompt = str(uuid.uuid4())
    first, second = await asyncio.gather(
        client.rpc("ai:send", text="/tokens 5", id=prompt),
        client.rpc("ai:send", text="/tokens 5", id=prompt),
    )
    assert first["conversation"] == second["conversation"]
    assert first["generation"]["message"] == second["messages"][-1]["id"]
    assert len((await client.rpc("ai:list"))["conversations"]) == 1


async def test_stop_keeps_what_was_shown(client: Client) -> None:
    session = await client.rpc("ai:send", text="/tokens 2000")
    following = asyncio.create_task(client.follow(session))
    await asyncio.sleep(0.5)
    assert await client.rpc("ai:stop", conversation=session["conversation"]) == {"stopped": True}
    answer = await following
    assert answer["closing"]["type"] == "abort"
    opened = await client.rpc("ai:open", conversation=session["conversation"])
    stored = opened["messages"][-1]
    assert stored["metadata"]["status"] == "stopped"
    usage = stored["metadata"]["usage"]
    assert usage["estimated"] is True
    # the provider sent one event per token
    assert 0 < usage["output_tokens"] <= 2000
    assert text(usage["output_tokens"]).startswith(answer["text"])
    assert stored["parts"][0]["text"] == answer["text"] != ""


async def test_busy_queue_and_interrupt(client: Client) -> None:
    first = await client.rpc("ai:send", text="/tokens 2000")
    conversation = first["conversation"]
    refused = await client.rpc("ai:send", text="no", conversation=conversation)
    assert refused["error"]["code"] == 409
    queued = await client.rpc(
        "ai:send", text="/tokens 3", conversation=conversation, when_busy="queue"
    )
    assert queued["generation"]["status"] == "queued"
    message = first["generation"]["message"]
    await client.rpc("ai:stop", conversation=conversation, message=message)
    assert (await client.follow(queued))["text"] == text(3)

    await client.rpc("ai:send", text="/tokens 2000", conversation=conversation)
    after = await client.rpc(
        "ai:send", text="/tokens 4", conversation=conversation, when_busy="interrupt"
    )
    client.publications = asyncio.Queue()
    await client.command("unsubscribe", {"channel": after["channel"]})
    assert (await client.follow(after))["text"] == text(4)


async def test_regenerate_rename_delete(client: Client) -> None:
    session = await client.rpc("ai:send", text="/tokens 3")
    conversation = session["conversation"]
    await client.follow(session)
    await client.command("unsubscribe", {"channel": session["channel"]})
    again = await client.rpc("ai:regenerate", conversation=conversation)
    assert (await client.follow(again))["text"] == text(3)
    history = (await client.rpc("ai:history", conversation=conversation))["messages"]
    assert [message["role"] for message in history] == ["user", "assistant"]
    await client.rpc("ai:rename", conversation=conversation, title="A name")
    assert (await client.rpc("ai:list"))["conversations"][0]["title"] == "A name"
    assert await client.rpc("ai:delete", conversation=conversation) == {}
    assert (await client.rpc("ai:open", conversation=conversation))["error"]["code"] == 403


async def test_the_model_makes_the_title(infrastructure: Deployment) -> None:
    with infrastructure.server(TITLES="model"):
        client = await infrastructure.connect()
        session = await client.rpc("ai:send", text="/tokens 3")
        await client.follow(session)
        told = await asyncio.wait_for(client.publications.get(), 20)
        assert (told["type"], told["title"]) == ("title", "A made title")
        assert (await client.rpc("ai:list"))["conversations"][0]["title"] == "A made title"
        await client.close()


async def test_nobody_else_gets_in(client: Client, deployment: Deployment) -> None:
    session = await client.rpc("ai:send", text="/tokens 3")
    stranger = await deployment.connect()
    assert (await stranger.subscribe(session["channel"]))["error"]["code"] == 403
    for method in ("open", "stop", "history", "regenerate", "delete"):
        refused = await stranger.rpc(f"ai:{method}", conversation=session["conversation"])
        assert refused["error"]["code"] == 403
    await stranger.close()


@pytest.mark.parametrize(
    ("method", "data", "code"),
    [
        ("ai:nothing", {}, 404),
        ("ai:send", {}, 400),
        ("ai:send", {"text": ""}, 400),
        ("ai:send", {"text": 5}, 400),
        ("ai:send", {"text": "a\0b"}, 400),
        ("ai:send", {"text": "x" * 50_000}, 413),
        ("ai:send", {"text": "x", "model": "unknown"}, 404),
        ("ai:send", {"text": "x", "conversation": "forged"}, 403),
        ("ai:send", {"text": "x", "id": "not an id"}, 400),
        ("ai:list", {"before": "nonsense"}, 400),
    ],
)
@pytest.mark.usefixtures("undisturbed")
async def test_bad_requests_get_their_codes(
    client: Client, deployment: Deployment, method: str, data: dict[str, object], code: int
) -> None:
    error = (await client.rpc(method, **data))["error"]
    assert error["code"] == code
    logged = deployment.servers[0].events(user=client.hello["data"]["user"])
    assert [(line["event"], line["code"]) for line in logged] == [("call_refused", code)]
    assert "Traceback" not in error["message"]


async def test_a_killed_server_leaves_no_open_message(infrastructure: Deployment) -> None:
    with infrastructure.server() as server:
        client = await infrastructure.connect()
        session = await client.rpc("ai:send", text="/tokens 2000")
        following = asyncio.create_task(client.follow(session))
        await asyncio.sleep(1)
        server.kill()
    with infrastructure.server():
        answer = await asyncio.wait_for(following, 15)
        assert answer["closing"] | {"messageMetadata": None} == {
            "type": "abort",
            "reason": "interrupted",
            "messageMetadata": None,
        }
        opened = await client.rpc("ai:open", conversation=session["conversation"])
        assert opened["messages"][-1]["metadata"]["status"] == "interrupted"
        assert opened["messages"][-1]["parts"][0]["text"] == answer["text"]
        assert text(2000).startswith(answer["text"])
        assert answer["text"]
    await client.close()


async def test_a_drained_server_closes_what_it_cannot_end(infrastructure: Deployment) -> None:
    with infrastructure.server():
        client = await infrastructure.connect()
        session = await client.rpc("ai:send", text="/tokens 2000")
        following = asyncio.create_task(client.follow(session))
        await asyncio.sleep(0.5)
    answer = await following
    assert answer["closing"]["reason"] == "interrupted"
    await client.close()
