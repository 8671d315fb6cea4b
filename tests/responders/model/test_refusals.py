"""What is shown and logged if a provider refuses, or stays silent."""

import asyncio

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from proxy_server.responders.model.openai_chat import OpenAIChat
from proxy_server.responders.model.openai_client import Server
from tests.responders.model.provider import (
    LONG_WORDS,
    Provider,
    asking,
    failure_of,
    prompt,
    text_of,
)
from tests.responders.model.streams import END, HELLO, WORLD
from tests.responders.serving import serving


@pytest.mark.parametrize(
    ("status", "body", "sentence"),
    [
        (401, {"error": {"code": "invalid_api_key"}}, "The model's provider does not accept"),
        (403, {"error": {"message": "no access"}}, "The model's provider does not accept"),
        (
            403,
            {"error": {"message": f"flagged: {LONG_WORDS}", "code": 403}},
            "The provider's moderation refused",
        ),
        (
            400,
            {"error": {"code": "content_filter", "message": LONG_WORDS}},
            "The provider's moderation refused",
        ),
        (400, {"error": {"message": LONG_WORDS, "param": "messages"}}, "The model does not accept"),
        (404, {"error": {"code": "model_not_found"}}, "The model test is not available."),
        (402, {"error": {"message": "credits"}}, "The model's provider asks for payment"),
    ],
)
async def test_a_refusal_is_explained_truly_and_logged_without_a_word_of_the_conversation(
    status: int, body: object, sentence: str
) -> None:
    async with asking(Provider((status, body))) as responder:
        failure = await failure_of(responder, prompt())
    assert failure.sentence.startswith(sentence)
    assert failure.reason == f"status_{status}"
    assert f"status {status}" in str(failure)
    assert "request req-7" in str(failure)
    assert LONG_WORDS not in str(failure)


async def test_the_field_that_a_refusal_names_is_logged() -> None:
    body = {"detail": [{"loc": ["body", "messages", 0, "name"], "msg": LONG_WORDS}]}
    async with asking(Provider((422, body))) as responder:
        assert "body.messages.0.name" in str(await failure_of(responder, prompt()))


async def test_a_parameter_that_is_left_out_is_logged_once() -> None:
    refusal = {"error": {"message": "Unknown parameter: 'stream_options'."}}
    with capture_logs() as logged:
        async with asking(Provider((400, refusal))) as responder:
            await text_of(responder, prompt())
            await text_of(responder, prompt())
    assert [(line["event"], line["parameters"]) for line in logged] == [
        ("parameter_refused", ["stream_options"])
    ]


async def test_a_bound_that_one_conversation_leaves_no_room_for_is_kept_for_others() -> None:
    said = (
        "'max_tokens' or 'max_completion_tokens' is too large: 4096. This model's maximum context "
        "length is 4096 tokens and your request has 900 input tokens."
    )
    provider = Provider((400, {"error": {"message": said}}))
    async with asking(provider, max_output_tokens=4096) as responder:
        await text_of(responder, prompt())
        await text_of(responder, prompt())
    first, shorter, other = ({name for name in body if "max" in name} for body in provider.asked)
    assert first == other != shorter


@pytest.mark.parametrize("sign", [": keep-alive\n\n", 'data: {"choices":[{"delta":{}}]}\n\n'])
async def test_a_sign_of_life_renews_the_wait(sign: str) -> None:
    async def complete(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for _ in range(6):
            await response.write(sign.encode())
            await asyncio.sleep(0.1)
        await response.write("".join([HELLO, WORLD, *END]).encode())
        return response

    async with serving("/chat/completions", complete) as url:
        responder = OpenAIChat(Server(url, "none", 1, first_token_seconds=0.4, idle_seconds=0.4))
        assert await text_of(responder, prompt()) == "Hello world"
        await responder.close()


@pytest.mark.parametrize(
    ("said", "reason", "sentence"),
    [
        ("", "first_token_timeout", "The model did not begin to answer within 0.3 seconds."),
        (HELLO, "idle_timeout", "The model fell silent for 0.2 seconds."),
    ],
)
async def test_which_limit_ended_an_answer_is_said(said: str, reason: str, sentence: str) -> None:
    closed = asyncio.Event()

    async def complete(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(said.encode() or b":\n\n")
        await closed.wait()
        return response

    async with serving("/chat/completions", complete) as url:
        responder = OpenAIChat(Server(url, "none", 1, first_token_seconds=0.3, idle_seconds=0.2))
        failure = await failure_of(responder, prompt())
        closed.set()
        await responder.close()
    assert failure.reason == reason
    assert failure.sentence.startswith(sentence)
