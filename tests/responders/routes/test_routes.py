"""A route as the responder: what it is asked, what of its replies is read, and how they end."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from proxy_server.errors import ResponderFailed, ResponderUnusable
from proxy_server.protocol.events import Finish, Piece, Reasoning, Text
from proxy_server.protocol.messages import Message, Metadata, Part, TextPart, Usage
from proxy_server.responders.responder import Prompt
from proxy_server.responders.routes.route import RouteResponder, TimeLimits
from testbed.ports import free_port
from tests.responders.routes.replies import REPLIES, Reply
from tests.responders.serving import Handler, serving

SECRETS = [
    "whsec_" + "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz",
    "whsec_" + "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4",
]
FRAMES = ("start-step", "text-start", "text-end", "finish-step")
LIMITS = TimeLimits(first_token_seconds=5, idle_seconds=5)


def message(name: str, role: str = "user", text: str = "Hi") -> Message:
    parts: list[Part] = [TextPart(text)] if text else []
    return Message(name, role, parts, Metadata(1.5))  # type: ignore[arg-type]


PROMPT = Prompt(
    user="anna",
    conversation_id="conversation",
    message_id="answer",
    model="test",
    history=[message("prompt")],
)


@dataclass
class Heard:
    """What came out of an answer, and how it ended."""

    text: str = ""
    reasoning: str = ""
    finish: str | None = None
    usage: tuple[int, int, int, int] | None = None
    others: list[Piece] = field(default_factory=list)
    frames: list[str] = field(default_factory=list)
    failure: ResponderFailed | None = None


@asynccontextmanager
async def route(handler: Handler, limits: TimeLimits = LIMITS) -> AsyncIterator[RouteResponder]:
    async with serving("/api/chat", handler) as url:
        responder = RouteResponder(
            f"{url}/api/chat", SECRETS, limits, connections=4, reasoning_tags=["think"]
        )
        yield responder
        await responder.close()


async def listen(responder: RouteResponder, prompt: Prompt = PROMPT) -> Heard:
    heard = Heard()
    try:
        async with responder.answer(prompt) as answer:
            async for events in answer:
                for event in events:
                    match event:
                        case Text(text):
                            heard.text += text
                        case Reasoning(text):
                            heard.reasoning += text
                        case Finish(reason):
                            heard.finish = reason
                        case Piece({"type": "text-delta", "delta": str(text)}):
                            heard.text += text
                        case Piece({"type": "reasoning-delta", "delta": str(text)}):
                            heard.reasoning += text
                        case Piece({"type": str(kind)}) if kind in FRAMES:
                            heard.frames.append(kind)
                        case Piece():
                            heard.others.append(event)
                        case Usage():
                            heard.usage = (
                                event.input_tokens,
                                event.output_tokens,
                                event.reasoning_tokens,
                                event.cached_input_tokens,
                            )
    except ResponderFailed as failure:
        heard.failure = failure
    return heard


def replying(reply: Reply) -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=reply.status, headers=reply.headers)
        if reply.content_type is not None:
            response.headers["Content-Type"] = reply.content_type
        await response.prepare(request)
        for piece in reply.pieces:
            await response.write(piece.encode() if isinstance(piece, str) else piece)
            await asyncio.sleep(0)
        if reply.cut:
            assert request.transport is not None
            request.transport.close()
        return response

    return handler


@pytest.mark.parametrize("reply", REPLIES, ids=lambda reply: reply.name)
async def test_what_a_route_replies(reply: Reply) -> None:
    async with route(replying(reply)) as responder:
        heard = await listen(responder)
    assert (heard.text, heard.reasoning) == (reply.text, reply.reasoning)
    assert heard.others == [*reply.others]
    assert heard.usage == reply.usage
    if reply.failure is None:
        assert heard.failure is None, heard.failure
        assert heard.finish == reply.finish
        return
    assert heard.finish is None
    assert heard.failure is not None
    assert heard.failure.reason == reply.failure
    if reply.sentence is not None:
        assert heard.failure.sentence == reply.sentence
    for word in ("Hello", "shop", "sentence of"):
        assert word not in str(heard.failure)


async def test_text_whose_end_cannot_be_told_is_no_answer() -> None:
    async def old(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.write(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nHello")
        request.transport.close()
        return web.Response()

    async with route(old) as responder:
        heard = await listen(responder)
    assert heard.failure is not None
    assert (heard.text, heard.failure.reason) == ("", "no_length")


@dataclass
class Asked:
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    times: int = 0

    async def handler(self, request: web.Request) -> web.StreamResponse:
        self.body, self.headers = await request.read(), dict(request.headers)
        self.times += 1
        return web.Response(text="Hello")


async def test_it_is_asked_what_use_chat_posts() -> None:
    asked = Asked()
    prompt = Prompt(
        user="anna",
        conversation_id="conversation",
        message_id="answer",
        model="mine",
        history=[
            message("lost", "assistant"),
            message("one"),
            message("two", "assistant", ""),
            message("prompt"),
        ],
        data='{"page": 1, "messages": [], "turn": {"user": "eve"}, "messageId": "x"}',
        meta='{"plan": "pro"}',
        key="k1",
    )
    async with route(asked.handler) as responder:
        assert (await listen(responder, prompt)).text == "Hello"
    assert json.loads(asked.body) == {
        "page": 1,
        "id": "k1",
        "messages": [
            {
                "id": name,
                "role": "user",
                "parts": [{"type": "text", "text": "Hi"}],
                "metadata": {"created_at": 1.5},
            }
            for name in ("one", "prompt")
        ],
        "trigger": "submit-message",
        "turn": {
            "user": "anna",
            "conversation": "conversation",
            "message": "answer",
            "model": "mine",
            "meta": {"plan": "pro"},
        },
    }
    assert asked.headers["Content-Type"] == "application/json"
    assert abs(int(asked.headers["webhook-timestamp"]) - time.time()) < 60


async def test_an_answer_made_anew_and_one_that_goes_on() -> None:
    asked = Asked()
    async with route(asked.handler) as responder:
        anew = Prompt("anna", "c", "a", "m", [message("prompt")], trigger="regenerate", data="[1]")
        await listen(responder, anew)
        body = json.loads(asked.body)
        assert (body["id"], body["trigger"], body["messageId"]) == (
            "c",
            "regenerate-message",
            "prompt",
        )
        on = Prompt("anna", "c", "a", "m", [message("prompt"), message("a", "assistant")])
        await listen(responder, on)
        body = json.loads(asked.body)
        assert (body["trigger"], body["messageId"]) == ("submit-message", "a")


async def test_a_route_that_leaves_is_not_asked_twice() -> None:
    times = 0

    async def leaves(request: web.Request) -> web.StreamResponse:
        nonlocal times
        times += 1
        await request.read()
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    async with route(leaves) as responder:
        heard = await listen(responder)
    assert heard.failure is not None
    assert (times, heard.failure.reason) == (1, "away")


async def test_a_route_that_does_not_listen_yet_is_asked_again() -> None:
    asked, port = Asked(), free_port()
    responder = RouteResponder(f"http://127.0.0.1:{port}/?key=secret", [], LIMITS, connections=1)
    heard = await listen(responder)
    assert heard.failure is not None
    assert heard.failure.reason == "away"
    assert "secret" not in str(heard.failure)
    listening = asyncio.create_task(listen(responder))
    # its first try has been refused by then, and its last has not been made
    await asyncio.sleep(0.1)
    async with serving("/", asked.handler, port):
        assert (await listening).text == "Hello"
    await responder.close()


async def test_silence_has_a_bound() -> None:
    async def silent(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await response.prepare(request)
        await response.write(b"Hello")
        await asyncio.Event().wait()
        return response

    async with route(silent, TimeLimits(5, 0.2)) as responder:
        heard = await listen(responder)
    assert heard.failure is not None
    assert (heard.text, heard.failure.reason) == ("Hello", "idle_timeout")


async def test_a_redirect_is_followed_on_the_same_host_alone() -> None:
    asked = Asked()

    async def away(_: web.Request) -> web.StreamResponse:
        raise web.HTTPPermanentRedirect(target)

    async with serving("/elsewhere", asked.handler) as other, route(away) as responder:
        target = f"{other}/elsewhere"
        assert (await listen(responder)).text == "Hello"
        target = "http://localhost/elsewhere"
        heard = await listen(responder)
    assert heard.failure is not None
    assert (asked.times, heard.failure.reason) == (1, "status_308")


async def test_leaving_ends_the_request() -> None:
    left = asyncio.Event()

    async def slow(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await response.prepare(request)
        try:
            while True:
                await response.write(b"Hello ")
                await asyncio.sleep(0.02)
        except (ConnectionError, asyncio.CancelledError):
            left.set()
            raise

    async with route(slow) as responder:
        async with responder.answer(PROMPT) as answer:
            async for _ in answer:
                break
        await asyncio.wait_for(left.wait(), 1)


@pytest.mark.parametrize(
    ("place", "secrets", "sentence"),
    [
        ("http://shop.example/chat", SECRETS, "use https"),
        ("http://10.0.0.1/chat", SECRETS, "use https"),
        ("ftp://shop.example/chat", SECRETS, "give https://host/path"),
        ("https:///chat", SECRETS, "give https://host/path"),
        ("https://shop.example:x/chat", SECRETS, "is no address"),
        ("https://anna:secret@shop.example/chat?key=secret", [], "needs RESPONDER_SECRETS"),
        ("https://shop.example/chat", ["sixteen-characters"], "base64 of at least 24 bytes"),
        ("https://shop.example/chat", ["whsec_MDEyMzQ1"], "base64 of at least 24 bytes"),
    ],
)
async def test_what_is_no_route_is_said_at_the_start(
    place: str, secrets: list[str], sentence: str
) -> None:
    with pytest.raises(ResponderUnusable) as refused:
        RouteResponder(place, secrets, LIMITS, connections=1)
    assert sentence in str(refused.value)
    assert "secret@" not in str(refused.value)
    assert "key=secret" not in str(refused.value)


@pytest.mark.parametrize(
    "place",
    ["http://localhost:3000/chat", "http://127.0.0.2/", "http://[::1]/chat", "https://localhost"],
)
async def test_a_route_on_this_machine_needs_no_secret(place: str) -> None:
    await RouteResponder(place, [], LIMITS, connections=1).close()
