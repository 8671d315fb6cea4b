"""OpenAI's Responses API, on OpenAI or any compatible server, without state there."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from proxy_server.protocol.messages import FilePart, Message, TextPart
from proxy_server.responders.files import PDF
from proxy_server.responders.model.history import in_turn
from proxy_server.responders.model.openai_client import OpenAIClient, Server
from proxy_server.responders.model.reasoning_tags import ReasoningTags
from proxy_server.responders.model.responses_stream import ResponsesStream
from proxy_server.responders.responder import Prompt

# The order in which they are left out if a refusal names none.
_OPTIONAL = ("store", "max_output_tokens")


class OpenAIResponses:
    """A responder for a server's `/responses`."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._client = OpenAIClient(server)

    async def close(self) -> None:
        await self._client.close()

    @asynccontextmanager
    async def answer(self, prompt: Prompt) -> AsyncIterator[ResponsesStream]:
        """Requests an answer; leaving the context ends the provider's request."""
        async with self._client.answer(
            "/responses", prompt, partial(self._body, prompt), _OPTIONAL
        ) as source:
            yield ResponsesStream(source, ReasoningTags(self._server.reasoning_tags))

    def _body(self, prompt: Prompt, history: Sequence[Message]) -> dict[str, Any]:
        system, bound = self._server.system_prompt, self._server.max_output_tokens
        bound = prompt.max_output_tokens or bound
        return {
            "model": prompt.model,
            "input": input_of(history),
            "stream": True,
            "store": False,
            **({"instructions": system} if system else {}),
            **({"max_output_tokens": bound} if bound else {}),
        }


def input_of(history: Sequence[Message]) -> list[dict[str, Any]]:
    """The conversation as input items; a message with only text is a string here, too."""
    return [
        {"role": said.role, "content": said.text or [_part(part) for part in said.parts]}
        for said in in_turn(history)
    ]


def _part(part: TextPart | FilePart) -> dict[str, Any]:
    if isinstance(part, TextPart):
        return {"type": "input_text", "text": part.text}
    if part.media_type == PDF:
        filename = part.filename or "file.pdf"
        return {"type": "input_file", "filename": filename, "file_data": part.url}
    return {"type": "input_image", "image_url": part.url, "detail": "auto"}
