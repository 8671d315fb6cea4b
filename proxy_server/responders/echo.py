"""A responder that repeats the prompt: to try everything else without a model."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from proxy_server.protocol.events import Event, Finish, Text
from proxy_server.protocol.messages import TextPart
from proxy_server.responders.responder import Prompt


class Echo:
    """Answers with the prompt's own text, one word at a time."""

    @asynccontextmanager
    async def answer(self, prompt: Prompt) -> AsyncIterator[AsyncIterator[Sequence[Event]]]:
        yield _words(prompt)

    async def close(self) -> None:
        """Holds nothing."""


async def _words(prompt: Prompt) -> AsyncIterator[Sequence[Event]]:
    parts = prompt.history[-1].parts
    text = " ".join(part.text for part in parts if isinstance(part, TextPart))
    for word in text.split(" "):
        yield [Text(f"{word} ")]
    yield [Finish("stop")]
