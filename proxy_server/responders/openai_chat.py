"""The model edge: a conversation in, an OpenAI-compatible server's answer out as deltas.

The SDK makes the request, with its retries and its errors; the stream is read below it.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import openai
from openai.types.chat import ChatCompletion

from proxy_server.errors import ModelFailed
from proxy_server.responders.chat_stream import BAD_ANSWER, Answer, codes, too_late
from proxy_server.responders.time_limit import Patience
from proxy_server.responders.transport import STREAM, Stream, Transport

__all__ = ["Answer", "Model"]

# What is said with these is not about the prompt.
_ABOUT_THE_ACCOUNT = (401, 403, 404, 429)


class Model:
    """An OpenAI-compatible server."""

    def __init__(
        self,
        *,
        base_url: str,
        api_key: str,
        connections: int,
        first_token_seconds: float,
        idle_seconds: float,
        max_output_tokens: int = 0,
    ) -> None:
        self._first_token_seconds = first_token_seconds
        self._idle_seconds = idle_seconds
        self._options: dict[str, Any] = (
            {"max_completion_tokens": max_output_tokens} if max_output_tokens else {}
        )
        self._client = openai.AsyncOpenAI(
            api_key=api_key,
            base_url=base_url,
            http_client=httpx2.AsyncClient(transport=Transport(connections), timeout=None),
            max_retries=2,
        )

    async def close(self) -> None:
        await self._client.close()

    @asynccontextmanager
    async def answer(self, model: str, messages: Sequence[dict[str, Any]]) -> AsyncIterator[Answer]:
        """Asks for an answer; leaving the context ends the provider's request.

        Raises ModelFailed, here and from the answer's iteration.
        """
        patience = Patience(self._first_token_seconds)
        try:
            with patience:
                # not create(): it walks over all messages to bring them into the shape they have
                response: httpx2.Response = await self._client.post(
                    "/chat/completions",
                    cast_to=httpx2.Response,
                    stream=True,
                    body={
                        "model": model,
                        "messages": messages,
                        "stream": True,
                        "stream_options": {"include_usage": True},
                        **self._options,
                    },
                    options={"headers": {"Accept-Encoding": "identity"}},
                )
        except TimeoutError as error:
            raise too_late("first_token_timeout") from error
        except openai.APIError as error:
            raise _failed(error, model) from error
        try:
            kind = response.headers.get("content-type", "")
            if not kind.startswith("text/event-stream"):
                raise ModelFailed("not_sse", BAD_ANSWER, f"content type {kind!r}")
            stream: Stream = response.extensions[STREAM]
            yield Answer(stream, patience, self._idle_seconds)
        finally:
            patience.close()
            await response.aclose()

    async def complete(self, model: str, messages: Sequence[dict[str, Any]]) -> str:
        """A short answer in one piece, for our own use."""
        try:
            async with asyncio.timeout(self._first_token_seconds):
                completion: object = await self._client.chat.completions.create(
                    model=model,
                    messages=messages,  # type: ignore[arg-type]
                )
        except TimeoutError as error:
            raise too_late("first_token_timeout") from error
        except openai.APIError as error:
            raise _failed(error, model) from error
        # a server that answers with something else than JSON is handed through as it is
        if not isinstance(completion, ChatCompletion) or not completion.choices:
            raise ModelFailed("malformed", BAD_ANSWER, "no completion")
        return completion.choices[0].message.content or ""


def _failed(error: openai.APIError, model: str) -> ModelFailed:
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
        return ModelFailed("away", sentence, f"{type(error).__name__}: {error.message}")
    about_the_account = error.status_code in _ABOUT_THE_ACCOUNT
    details = error.message[:500] if about_the_account else codes(error.body)
    return ModelFailed(f"status_{error.status_code}", sentence, details)
