"""The Responses API: the same rules, with its own streams."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from itertools import pairwise

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy_server.protocol.events import Event, Piece
from proxy_server.protocol.messages import FilePart, Message, Metadata, Part, TextPart
from proxy_server.responders.model.openai_client import Server
from proxy_server.responders.model.openai_responses import OpenAIResponses, input_of
from proxy_server.responders.model.reasoning_tags import ReasoningTags
from proxy_server.responders.model.responses_stream import ResponsesStream
from tests.responders.model.responses_streams import END, HELLO, STREAMS, WORLD, Answer
from tests.responders.model.test_streams import (
    PROMPT,
    TAGS,
    Answered,
    Cut,
    answering,
    check,
    listened,
)
from tests.responders.serving import serving


async def heard(stream: AsyncIterator[Sequence[Event]]) -> tuple[Answered, tuple[str, ...]]:
    sources: list[str] = []

    async def noted() -> AsyncIterator[Sequence[Event]]:
        async for events in stream:
            sources.extend(event.chunk["url"] for event in events if isinstance(event, Piece))
            yield events

    return await listened(noted()), tuple(sources)


@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.name)
async def test_what_comes_out_of_a_stream(stream: Answer) -> None:
    async with answering("/responses", stream, OpenAIResponses) as answer:
        answered, sources = await heard(answer)
    check(answered, stream)
    assert sources == stream.sources


PLAIN = [stream for stream in STREAMS if stream.compress is None]


@settings(max_examples=300)
@given(st.sampled_from(PLAIN), st.lists(st.integers(0, 1500), max_size=12))
def test_reads_may_cut_a_stream_anywhere(stream: Answer, cuts: list[int]) -> None:
    body = b"".join(stream.written())
    edges = sorted({0, len(body), *(cut % (len(body) + 1) for cut in cuts)})
    source = Cut([body[start:end] for start, end in pairwise(edges)], breaks=stream.cut)
    answered, sources = asyncio.run(heard(ResponsesStream(source, ReasoningTags(TAGS))))
    check(answered, stream)
    assert sources == stream.sources


async def test_it_is_asked_without_state_and_with_the_bound_and_the_options() -> None:
    asked: list[dict[str, object]] = []

    async def complete(request: web.Request) -> web.StreamResponse:
        asked.append(await request.json())
        if len(asked) == 1:
            error = {"message": "Unknown parameter: 'store'.", "param": "store"}
            return web.json_response({"error": error}, status=400)
        body = f"{HELLO}{WORLD}{END}"
        return web.Response(text=body, content_type="text/event-stream")

    async with serving("/responses", complete) as url:
        server = Server(
            *(url, "none", 1, 5, 5, "Be brief.", 77),
            options={"tools": [{"type": "web_search"}]},
        )
        responder = OpenAIResponses(server)
        async with responder.answer(PROMPT) as answer:
            assert (await listened(answer)).text == "Hello world"
        await responder.close()
    first, second = asked
    assert first == {
        "model": "test",
        "input": [{"role": "user", "content": "a"}],
        "stream": True,
        "store": False,
        "instructions": "Be brief.",
        "max_output_tokens": 77,
        "tools": [{"type": "web_search"}],
    }
    assert "store" not in second


def test_images_are_input_items() -> None:
    parts: list[Part] = [
        TextPart("what is this?"),
        FilePart("image/png", "https://example.com/a.png"),
    ]
    content = input_of([Message("p", "user", parts, Metadata(0))])[0]["content"]
    assert json.loads(json.dumps(content)) == [
        {"type": "input_text", "text": "what is this?"},
        {"type": "input_image", "image_url": "https://example.com/a.png", "detail": "auto"},
    ]
