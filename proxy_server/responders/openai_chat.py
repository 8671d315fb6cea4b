"""OpenAI's chat completions, of OpenAI or of any server that speaks them.

The SDK makes the request, with its retries and its errors; the stream is read below it.
"""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import openai

from proxy_server.errors import ResponderFailed
from proxy_server.protocol.messages import FilePart, Message, TextPart
from proxy_server.responders.chat_stream import BAD_ANSWER, ChatStream, codes, too_late
from proxy_server.responders.responder import Prompt
from proxy_server.responders.time_limit import Patience
from proxy_server.responders.transport import STREAM, Stream, Transport

# What is said with these is not about the prompt.
_ABOUT_THE_ACCOUNT = (401, 403, 404, 429)


class OpenAIChat:
    """A responder over a server's `/chat/completions`.

    connections: the most at once; each answer holds one.
    max_output_tokens: the bound on an answer; 0 leaves it to the model.
    """

    def __init__(
        self,
        *,
        base_url: str,
        api_key: str,
        connections: int,
        first_token_seconds: float,
        idle_seconds: float,
        system_prompt: str = "",
        max_output_tokens: int = 0,
    ) -> None:
        self._first_token_seconds = first_token_seconds
        self._idle_seconds = idle_seconds
        self._system_prompt = system_prompt
        self._max_output_tokens = max_output_tokens
        self._client = openai.AsyncOpenAI(
            api_key=api_key,
            base_url=base_url,
            http_client=httpx2.AsyncClient(transport=Transport(connections), timeout=None),
            max_retries=2,
        )

    async def close(self) -> None:
        await self._client.close()

    @asynccontextmanager
    async def answer(self, prompt: Prompt) -> AsyncIterator[ChatStream]:
        """Asks for an answer; leaving the context ends the provider's request."""
        patience = Patience(self._first_token_seconds)
        try:
            with patience:
                # not create(): it walks over all messages to bring them into the shape they have
                response: httpx2.Response = await self._client.post(
                    "/chat/completions",
                    cast_to=httpx2.Response,
                    stream=True,
                    body=self._body(prompt),
                    options={"headers": {"Accept-Encoding": "identity"}},
                )
        except TimeoutError as error:
            raise too_late("first_token_timeout") from error
        except openai.APIError as error:
            raise _failed(error, prompt.model) from error
        try:
            kind = response.headers.get("content-type", "")
            if not kind.startswith("text/event-stream"):
                raise ResponderFailed("not_sse", BAD_ANSWER, f"content type {kind!r}")
            stream: Stream = response.extensions[STREAM]
            yield ChatStream(stream, patience, self._idle_seconds)
        finally:
            patience.close()
            await response.aclose()

    def _body(self, prompt: Prompt) -> dict[str, Any]:
        bound = prompt.max_output_tokens or self._max_output_tokens
        return {
            "model": prompt.model,
            "messages": [*self._system(), *_in_its_words(prompt.history)],
            "stream": True,
            "stream_options": {"include_usage": True},
            **({"max_completion_tokens": bound} if bound else {}),
        }

    def _system(self) -> list[dict[str, Any]]:
        return [{"role": "system", "content": self._system_prompt}] if self._system_prompt else []


def _in_its_words(history: Iterable[Message]) -> Iterable[dict[str, Any]]:
    """The API's messages, without those that say nothing, such as an answer that failed."""
    for message in history:
        content: list[dict[str, Any]] = []
        for part in message.parts:
            if isinstance(part, TextPart):
                content.append({"type": "text", "text": part.text})
            elif isinstance(part, FilePart):
                content.append({"type": "image_url", "image_url": {"url": part.url}})
        if all(part["type"] == "text" for part in content):
            text = "\n".join(part["text"] for part in content)
            if text:
                yield {"role": message.role, "content": text}
        else:
            yield {"role": message.role, "content": content}


def _failed(error: openai.APIError, model: str) -> ResponderFailed:
    match error:
        case openai.AuthenticationError() | openai.PermissionDeniedError():
            sentence = "The model's provider does not accept this service's key."
        case openai.NotFoundError():
            sentence = f"The model {model} is not available."
        case openai.RateLimitError():
            after = error.response.headers.get("retry-after", "")
            when = f"in {after} seconds" if after.isdigit() else "in a moment"
            sentence = f"The model is busy. Try again {when}."
        case openai.BadRequestError() | openai.UnprocessableEntityError():
            sentence = "The model does not accept this conversation. It may be too long for it."
        case openai.APIConnectionError():
            sentence = "The model cannot be reached. Try again in a moment."
        case _:
            sentence = "The model has a problem. Try again in a moment."
    if not isinstance(error, openai.APIStatusError):
        return ResponderFailed("away", sentence, f"{type(error).__name__}: {error.message}")
    about_the_account = error.status_code in _ABOUT_THE_ACCOUNT
    details = error.message[:500] if about_the_account else codes(error.body)
    return ResponderFailed(f"status_{error.status_code}", sentence, details)
