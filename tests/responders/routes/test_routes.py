"""A route as the responder: its requests, which of its replies are read, and how they end."""

import asyncio
import json
import time
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from proxy_server.errors import ResponderUnusable
from proxy_server.responders.responder import Prompt
from proxy_server.responders.routes.route import RouteResponder, TimeLimits
from testbed.ports import free_port
from tests.responders.routes.listening import (
    LIMITS,
    PROMPT,
    SECRETS,
    listen,
    message,
    route,
)
from tests.responders.serving import serving


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
    # its first attempt has been refused by then, and its last has not been made
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


async def test_a_redirect_is_followed_on_the_same_host_and_port_alone() -> None:
    asked, elsewhere = Asked(), Asked()

    async def moved(request: web.Request) -> web.StreamResponse:
        if request.query:
            return await asked.handler(request)
        raise web.HTTPPermanentRedirect(places.pop())

    async with serving("/", elsewhere.handler) as other, route(moved) as responder:
        places = ["?moved"]
        assert (await listen(responder)).text == "Hello"
        places = [f"{other}/", "http://localhost/api/chat?moved"]
        while places:
            heard = await listen(responder)
            assert heard.failure is not None
            assert heard.failure.reason == "status_308"
    assert (asked.times, elsewhere.times) == (1, 0)


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
        ("https://shop.example:x/chat", SECRETS, "is not a valid address"),
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
