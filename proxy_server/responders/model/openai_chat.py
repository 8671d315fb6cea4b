"""OpenAI's chat completions API, on OpenAI or any compatible server."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from proxy_server.protocol.messages import Message
from proxy_server.responders.model.chat_request import messages_of
from proxy_server.responders.model.chat_stream import ChatStream
from proxy_server.responders.model.openai_client import OpenAIClient, Server
from proxy_server.responders.model.reasoning_tags import ReasoningTags
from proxy_server.responders.responder import Prompt

# The order in which they are left out if a refusal names none.
_OPTIONAL = ("stream_options", "max_completion_tokens", "max_tokens")
_OPENAI = "api.openai.com"


class OpenAIChat:
    """A responder for a server's `/chat/completions`."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._client = OpenAIClient(server)

    async def close(self) -> None:
        await self._client.close()

    @asynccontextmanager
    async def answer(self, prompt: Prompt) -> AsyncIterator[ChatStream]:
        """Requests an answer; leaving the context ends the provider's request."""
        async with self._client.answer(
            "/chat/completions", prompt, partial(self._body, prompt), _OPTIONAL
        ) as source:
            yield ChatStream(source, ReasoningTags(self._server.reasoning_tags))

    def _body(self, prompt: Prompt, history: Sequence[Message]) -> dict[str, Any]:
        return {
            "model": prompt.model,
            "messages": messages_of(history, self._server.system_prompt),
            "stream": True,
            "stream_options": {"include_usage": True},
            **self._bound(prompt.max_output_tokens or self._server.max_output_tokens),
        }

    def _bound(self, tokens: int) -> dict[str, int]:
        """OpenAI accepts only the newer name; some servers ignore that and know only the older."""
        if not tokens:
            return {}
        if _OPENAI in self._server.base_url:
            return {"max_completion_tokens": tokens}
        return {"max_completion_tokens": tokens, "max_tokens": tokens}
