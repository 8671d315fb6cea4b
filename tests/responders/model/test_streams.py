"""Whatever a server sends: text is kept, bookkeeping is forgiven, and no failure is an answer."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy_server.errors import ResponderFailed
from proxy_server.protocol.events import Event, Finish, Reasoning, Text
from proxy_server.protocol.messages import Message, Metadata, TextPart, Usage
from proxy_server.responders.model.chat_stream import ChatStream
from proxy_server.responders.model.openai_chat import OpenAIChat
from proxy_server.responders.model.openai_client import Server
from proxy_server.responders.model.reasoning_tags import ReasoningTags
from proxy_server.responders.model.source import Source
from proxy_server.responders.responder import Prompt, Responder
from tests.responders.model.streams import STREAMS, Stream
from tests.responders.serving import serving, streaming

PROMPT = Prompt(
    "anna", "conversation", "answer", "test", [Message("p", "user", [TextPart("a")], Metadata(0))]
)
TAGS = ("think", "thinking")


@dataclass
class Answered:
    """The result of reading a stream."""

    text: str = ""
    reasoning: str = ""
    usage: tuple[int, int] | None = None
    finish: str | None = None
    failure: str | None = None
    sentence: str = ""

    def take(self, events: Sequence[Event]) -> None:
        for event in events:
            match event:
                case Text(text):
                    self.text += text
                case Reasoning(text):
                    self.reasoning += text
                case Usage():
                    self.usage = (event.input_tokens, event.output_tokens)
                case Finish(reason):
                    self.finish = reason


async def listened(stream: AsyncIterator[Sequence[Event]]) -> Answered:
    answered = Answered()
    try:
        async for events in stream:
            answered.take(events)
    except ResponderFailed as failure:
        answered.failure = failure.reason
        answered.sentence = failure.sentence
    return answered


def check(answered: Answered, stream: Stream) -> None:
    assert answered.text == stream.text
    assert answered.reasoning == stream.reasoning
    assert answered.usage == stream.usage
    assert answered.failure == stream.failure
    assert bool(answered.sentence) == bool(stream.failure)
    assert answered.finish == (None if stream.failure else stream.finish)


@asynccontextmanager
async def answering(
    path: str, stream: Stream, api: Callable[[Server], Responder]
) -> AsyncIterator[AsyncIterator[Sequence[Event]]]:
    """What a responder yields for a server that sends that stream."""
    async with serving(path, streaming(stream)) as url:
        server = Server(url, "none", 1, first_token_seconds=5, idle_seconds=5, reasoning_tags=TAGS)
        responder = api(server)
        try:
            async with responder.answer(PROMPT) as answer:
                yield answer
        finally:
            await responder.close()


@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.name)
async def test_what_comes_out_of_a_stream(stream: Stream) -> None:
    async with answering("/chat/completions", stream, OpenAIChat) as answer:
        answered = await listened(answer)
    check(answered, stream)


class Cut(Source):
    """A body that arrives in the given reads."""

    def __init__(self, reads: list[bytes], *, breaks: bool) -> None:
        self._reads = reads
        self._breaks = breaks
        self.described = "a test"

    async def read(self, *, spoke: bool) -> bytes:
        del spoke
        if self._reads:
            return self._reads.pop(0)
        if self._breaks:
            raise ConnectionError("cut")
        return b""


PLAIN = [stream for stream in STREAMS if stream.compress is None and stream.encoding is None]


@settings(max_examples=300)
@given(st.sampled_from(PLAIN), st.lists(st.integers(0, 1500), max_size=12))
def test_reads_may_cut_a_stream_anywhere(stream: Stream, cuts: list[int]) -> None:
    body = b"".join(stream.written())
    edges = sorted({0, len(body), *(cut % (len(body) + 1) for cut in cuts)})
    reads = [body[start:end] for start, end in pairwise(edges)]
    source = Cut(reads, breaks=stream.cut)
    check(asyncio.run(listened(ChatStream(source, ReasoningTags(TAGS)))), stream)
