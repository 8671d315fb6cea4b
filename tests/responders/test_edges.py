"""Servers at the edges that answer in ways that the real ones rarely do."""

import asyncio

import pytest
from aiohttp import web

from proxy_server.delivery.publisher import Publisher
from proxy_server.delivery.server_api import server_api
from proxy_server.errors import ResponderFailed
from proxy_server.protocol.events import Finish, Text
from proxy_server.protocol.messages import Message, Metadata, TextPart
from proxy_server.protocol.sessions import Position
from proxy_server.responders.model.openai_chat import OpenAIChat
from proxy_server.responders.model.openai_client import Server
from proxy_server.responders.responder import Prompt
from tests.responders.serving import serving

PROMPT = Prompt(
    user="anna",
    conversation_id="conversation",
    message_id="answer",
    model="test",
    history=[Message("prompt", "user", [TextPart("a")], Metadata(0))],
)


async def test_an_answer_is_whole_although_its_stream_stays_open() -> None:
    closed = asyncio.Event()

    async def complete(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(
            b'data: {"choices":[{"delta":{"content":"hi"},"finish_reason":"stop"}]}\n\n'
        )
        await closed.wait()
        return response

    async with serving("/chat/completions", complete) as url:
        model = OpenAIChat(
            Server(
                base_url=url, api_key="none", connections=1, first_token_seconds=3, idle_seconds=0.3
            )
        )
        async with model.answer(PROMPT) as answer:
            said = [event async for events in answer for event in events]
        assert said == [Text("hi"), Finish("stop")]
        closed.set()
        await model.close()


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_a_batch_that_centrifugo_fails_to_take_is_sent_again(status: int) -> None:
    keys: list[str] = []

    async def batch(request: web.Request) -> web.StreamResponse:
        (command,) = (await request.json())["commands"]
        keys.append(command["publish"]["idempotency_key"])
        # whatever the body says, the status counts
        told = {"replies": [{"publish": {"offset": len(keys), "epoch": "a"}}]}
        return web.json_response(told, status=200 if len(keys) == 3 else status)

    async with serving("/api/batch", batch) as url:
        api = server_api(f"{url}/api", "key")
        publisher = Publisher(api)
        posted = publisher.post("ai:a", b"{}", "key", urgent=True)
        assert await asyncio.wait_for(posted, 5) == Position(3, "a")
        assert keys == ["key"] * 3
        await publisher.close()
        await api.close()


async def test_a_batch_that_is_answered_in_part_is_sent_again() -> None:
    batches = 0

    async def batch(_: web.Request) -> web.StreamResponse:
        nonlocal batches
        batches += 1
        told = [{"publish": {"offset": 1, "epoch": "a"}}] if batches > 1 else []
        return web.json_response({"replies": told})

    async with serving("/api/batch", batch) as url:
        api = server_api(f"{url}/api", "key")
        publisher = Publisher(api)
        posted = publisher.post("ai:a", b"{}", "key", urgent=True)
        assert await asyncio.wait_for(posted, 3) == Position(1, "a")
        await publisher.close()
        await api.close()


async def test_what_was_said_before_an_error_is_part_of_the_answer() -> None:
    async def complete(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        said = b'data: {"choices":[{"delta":{"content":"so far"}}]}\n\n'
        await response.write(said + b'data: {"error":{"type":"overloaded","message":"secret"}}\n\n')
        return response

    async with serving("/chat/completions", complete) as url:
        model = OpenAIChat(
            Server(
                base_url=url, api_key="none", connections=1, first_token_seconds=3, idle_seconds=3
            )
        )
        said: list[str] = []

        async def listen() -> None:
            async with model.answer(PROMPT) as answer:
                async for deltas in answer:
                    said.extend(event.text for event in deltas if isinstance(event, Text))

        with pytest.raises(ResponderFailed) as failed:
            await listen()
        assert said == ["so far"]
        assert (failed.value.reason, str(failed.value)) == ("provider_error", "type overloaded")
        await model.close()


@pytest.mark.parametrize("after", ["40", "Wed, 21 Oct 2099 07:28:00 GMT"])
async def test_a_provider_that_asks_for_patience_is_not_waited_for(after: str) -> None:
    requests = 0

    async def complete(_: web.Request) -> web.StreamResponse:
        nonlocal requests
        requests += 1
        return web.json_response({}, status=429, headers={"Retry-After": after})

    async with serving("/chat/completions", complete) as url:
        model = OpenAIChat(
            Server(
                base_url=url, api_key="none", connections=1, first_token_seconds=3, idle_seconds=3
            )
        )
        with pytest.raises(ResponderFailed) as failed:
            async with model.answer(PROMPT):
                pass
        assert failed.value.reason == "status_429"
        when = "in 40 seconds" if after == "40" else "in a moment"
        assert failed.value.sentence == f"The model is busy. Try again {when}."
        assert requests == 1
        await model.close()


async def test_a_channel_that_fails_alone_holds_up_no_other() -> None:
    """One shard of Centrifugo's Redis is down."""
    away = True
    tried = 0

    async def batch(request: web.Request) -> web.StreamResponse:
        nonlocal tried
        replies: list[object] = []
        for command in (await request.json())["commands"]:
            failing = away and command["publish"]["channel"] == "ai:away"
            tried += failing
            error = {"error": {"code": 100, "message": "internal server error"}}
            replies.append(error if failing else {"publish": {"offset": 1, "epoch": "a"}})
        return web.json_response({"replies": replies})

    async with serving("/api/batch", batch) as url:
        api = server_api(f"{url}/api", "key")
        publisher = Publisher(api)
        waiting = publisher.post("ai:away", b"{}", "key", urgent=True)
        before_the_fifth_try = 0
        while tried < 5:
            await publisher.post("ai:there", b"{}", f"key {before_the_fifth_try}", urgent=True)
            before_the_fifth_try += 1
        # by then its attempts are some tenths of a second apart
        assert before_the_fifth_try > 20
        assert publisher.reachable
        assert not waiting.done()
        away = False
        assert await asyncio.wait_for(waiting, 3) == Position(1, "a")
        await publisher.close()
        await api.close()
