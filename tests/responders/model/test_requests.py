"""Requests to a model's server: what it refuses, what else it is sent, and what is logged."""

from collections.abc import Sequence

import pytest
from aiohttp import web

from proxy_server.protocol.messages import (
    FilePart,
    ReasoningPart,
    TextPart,
)
from proxy_server.responders.model.openai_chat import OpenAIChat
from proxy_server.responders.model.openai_client import Server
from tests.responders.model.provider import (
    Json,
    Provider,
    asking,
    failure_of,
    message,
    prompt,
    text_of,
)
from tests.responders.serving import serving


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"error": {"message": "Unknown parameter: 'stream_options'."}}, 400),
        ({"detail": [{"loc": ["body", "stream_options"], "msg": "Extra inputs"}]}, 422),
        ({"object": "error", "message": "stream_options is not supported"}, 400),
        ({"detail": "Extra inputs are not permitted"}, 422),
    ],
)
async def test_what_a_server_refuses_is_left_out_and_remembered(body: object, status: int) -> None:
    provider = Provider((status, body))
    async with asking(provider) as responder:
        for _ in range(2):
            assert await text_of(responder, prompt()) == "Hello world"
    assert ["stream_options" in asked for asked in provider.asked] == [True, False, False]


async def test_a_server_that_wants_the_older_name_of_the_bound() -> None:
    refusal = {"error": {"message": "Unrecognized request argument: max_completion_tokens"}}
    provider = Provider((400, refusal))
    async with asking(provider, max_output_tokens=77) as responder:
        assert await text_of(responder, prompt()) == "Hello world"
    first, second = provider.asked
    assert (first["max_completion_tokens"], second["max_tokens"]) == (77, 77)
    assert "max_completion_tokens" not in second


async def test_a_server_that_takes_the_newer_name_alone() -> None:
    said = "Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens'."
    provider = Provider((400, {"error": {"message": said, "param": "max_tokens"}}))
    async with asking(provider, max_output_tokens=77) as responder:
        assert await text_of(responder, prompt()) == "Hello world"
    assert "max_tokens" not in provider.asked[-1]
    assert provider.asked[-1]["max_completion_tokens"] == 77


async def test_options_headers_and_a_query_go_with_each_request() -> None:
    provider = Provider()
    async with asking(
        provider,
        options={"temperature": 0.2, "provider": {"order": ["a"]}},
        headers={"X-Title": "chat"},
        query="?api-version=2026-01-01",
    ) as responder:
        await text_of(responder, prompt())
    assert provider.asked[0]["temperature"] == 0.2
    assert provider.asked[0]["provider"] == {"order": ["a"]}
    assert provider.requests[0].headers["X-Title"] == "chat"
    assert provider.requests[0].query["api-version"] == "2026-01-01"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_on_the_same_host_is_followed_with_the_body(status: int) -> None:
    provider = Provider()

    async def moved(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status, headers={"Location": "/v1/chat/completions"})

    async with serving("/v1/chat/completions", provider.complete) as there:
        application = web.Application()
        application.router.add_post("/chat/completions", moved)
        application.router.add_post("/v1/chat/completions", provider.complete)
        runner = web.AppRunner(application)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        responder = OpenAIChat(Server(f"http://{host}:{port}", "none", 1, 3, 3))
        assert await text_of(responder, prompt()) == "Hello world"
        await responder.close()
        await runner.cleanup()
    assert provider.asked[0]["messages"]
    assert there


@pytest.mark.parametrize("elsewhere", ["https://example.com/v1", "http://127.0.0.1:1/v1"])
async def test_a_redirect_to_another_host_or_port_is_not_followed(elsewhere: str) -> None:
    async def moved(_: web.Request) -> web.StreamResponse:
        return web.Response(status=307, headers={"Location": elsewhere})

    async with serving("/chat/completions", moved) as url:
        responder = OpenAIChat(Server(url, "none", 1, 3, 3))
        failure = await failure_of(responder, prompt())
        await responder.close()
    assert failure.reason == "status_307"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"error": {"code": "context_length_exceeded", "message": "no"}}),
        (400, {"error": {"message": "This model's maximum context length is 8 tokens."}}),
        (400, {"error": {"message": "prompt is too long: 9 tokens > 8 maximum"}}),
        (413, {"error": {"message": "Request too large"}}),
        (500, {"error": {"message": "the request exceeds the available context size"}}),
    ],
)
async def test_a_conversation_that_is_too_long_is_asked_for_once_more_without_its_oldest_turns(
    status: int, body: object
) -> None:
    told = [
        message(role, TextPart(f"{role} {number}"))
        for number in range(3)
        for role in ("user", "assistant")
    ]
    last = message("user", TextPart("last"))
    # the SDK retries after a server error, which may pass
    tries = 3 if status == 500 else 1
    provider = Provider(*[(status, body)] * tries)
    async with asking(provider) as responder:
        assert await text_of(responder, prompt(*told, last)) == "Hello world"
    kept = provider.asked[-1]["messages"]
    assert (kept[0]["role"], kept[-1]["content"]) == ("user", "last")
    assert len(kept) < len(provider.asked[0]["messages"])

    provider = Provider(*[(status, body)] * tries)
    async with asking(provider) as responder:
        failure = await failure_of(responder, prompt())
    assert failure.sentence == "This conversation is too long for the model. Begin a new one."


async def test_user_and_assistant_come_in_turn_and_the_user_first() -> None:
    provider = Provider()
    history = [
        message("assistant", TextPart("cut off from its prompt")),
        message("user", TextPart("one")),
        message("assistant"),
        message("user", TextPart("two")),
        message("assistant", ReasoningPart("hm")),
        message("user", TextPart("three"), FilePart("image/png", "https://example.com/a.png")),
        message("assistant", ReasoningPart("hm"), TextPart("four")),
        message("user", TextPart("five")),
    ]
    async with asking(provider, system_prompt="Be brief.") as responder:
        await text_of(responder, prompt(*history))
    asked: Sequence[Json] = provider.asked[0]["messages"]
    assert [one["role"] for one in asked] == ["system", "user", "assistant", "user"]
    texts = [part["text"] for part in asked[1]["content"] if part["type"] == "text"]
    assert texts == ["one", "two", "three"]
    assert [one["content"] for one in asked[2:]] == ["four", "five"]
