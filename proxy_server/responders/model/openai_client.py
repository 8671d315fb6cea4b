"""Requests to an OpenAI-compatible server: the SDK's retries and errors, our own timeouts.

Parameters that a server refuses are left out from then on. A conversation that it finds too long is
sent once more without its oldest turns.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit, urlunsplit

import httpx2
import openai
import structlog

from proxy_server.errors import ResponderFailed
from proxy_server.protocol.messages import Message
from proxy_server.responders.files import (
    kinds_of,
    only_older_have_files,
    with_contents,
    without_files,
)
from proxy_server.responders.model.failures import (
    first_token_timeout,
    is_too_long,
    refused,
    takes_no_files,
)
from proxy_server.responders.model.history import without_oldest
from proxy_server.responders.model.source import Source
from proxy_server.responders.model.time_limit import TimeLimit
from proxy_server.responders.model.transport import Transport
from proxy_server.responders.responder import Prompt

_TRIES = 4

BodyOf = Callable[[Sequence[Message]], dict[str, Any]]

log = structlog.get_logger()


class Server(NamedTuple):
    """The model server, and how to ask it.

    base_url: may have a query, which is sent with each request.
    connections: the maximum; each answer holds one.
    options: merged into each request's body.
    headers: sent with each request. An Omit removes a header that the SDK would send, such as its
        own form of the key.
    max_output_tokens: the limit per answer; 0 leaves it to the model.
    file_bytes: how much of a conversation's files is sent, newest first.
    """

    base_url: str
    api_key: str
    connections: int
    first_token_seconds: float
    idle_seconds: float
    system_prompt: str = ""
    max_output_tokens: int = 0
    options: Mapping[str, Any] = {}
    headers: Mapping[str, str | openai.Omit] = {}
    reasoning_tags: tuple[str, ...] = ()
    file_bytes: int = 20_000_000


class OpenAIClient:
    """The connections to one server."""

    def __init__(self, server: Server) -> None:
        parts = urlsplit(server.base_url)
        self._server = server
        # parameters that the server has refused
        self._refused: set[str] = set()
        self._headers = {**server.headers, "Accept-Encoding": "identity"}
        self._client = openai.AsyncOpenAI(
            api_key=server.api_key,
            base_url=urlunsplit(parts._replace(query="")),
            default_query=dict(parse_qsl(parts.query, keep_blank_values=True)),
            http_client=httpx2.AsyncClient(transport=Transport(server.connections), timeout=None),
            max_retries=2,
        )

    async def close(self) -> None:
        await self._client.close()

    @asynccontextmanager
    async def answer(
        self, path: str, prompt: Prompt, body_of: BodyOf, optional: tuple[str, ...]
    ) -> AsyncIterator[Source]:
        """Yields the body of the answer; leaving the context ends the provider's request.

        Raises ResponderFailed.
        body_of: makes the request body for a history.
        optional: parameters to leave out if the server refuses them.
        """
        server = self._server
        history = await with_contents(prompt.history, prompt.files, server.file_bytes)
        limit = TimeLimit(server.first_token_seconds)
        try:
            with limit:
                response = await self._post(path, history, body_of, optional)
        except TimeoutError as error:
            raise first_token_timeout(server.first_token_seconds) from error
        except openai.APIError as error:
            raise refused(error, prompt.model, kinds_of(history)) from error
        try:
            yield Source(
                response,
                limit,
                first_token_seconds=server.first_token_seconds,
                idle_seconds=server.idle_seconds,
            )
        finally:
            limit.close()
            await response.aclose()

    async def _post(
        self,
        path: str,
        history: Sequence[Message],
        body_of: BodyOf,
        optional: tuple[str, ...],
    ) -> httpx2.Response:
        """Sends the request; after a refusal with a known cause, sends a smaller one."""
        shortened = False
        # for this request only: an output limit too large for a long conversation suits others
        left_out: set[str] = set()
        for tries in range(1, _TRIES + 1):
            body = body_of(history)
            asked = {name: body[name] for name in body if name not in self._refused | left_out}
            try:
                # not create(): it walks over all messages to convert them into the form that they
                # already have
                response: httpx2.Response = await self._client.post(
                    path,
                    cast_to=httpx2.Response,
                    stream=True,
                    body=asked | dict(self._server.options),
                    options={"headers": self._headers},
                )
            except openai.APIStatusError as error:
                if tries == _TRIES:
                    raise
                if found := self._refuses(error, [name for name in optional if name in asked]):
                    left_out.update(found)
                    if not is_too_long(error):
                        self._refused.update(found)
                        status = error.status_code
                        log.warning("parameter_refused", parameters=found, status=status)
                elif is_too_long(error) and not shortened:
                    rest = without_oldest(history)
                    if len(rest) == len(history):
                        raise
                    history, shortened = rest, True
                elif takes_no_files(error) and only_older_have_files(history):
                    history = without_files(history)
                else:
                    raise
            else:
                return response
        raise ResponderFailed("refused", "The model has a problem. Try again in a moment.")

    def _refuses(self, error: openai.APIStatusError, optional: list[str]) -> list[str]:
        """The optional parameters that the server does not accept."""
        if error.status_code not in (400, 404, 422) or not optional:
            return []
        said = f"{error.message} {error.body}".lower()
        # the refused one is named first; a suggested replacement may follow
        named = sorted((name for name in optional if name in said), key=said.find)
        if named or is_too_long(error):
            return named[:1]
        return optional[:1] if any(word in said for word in _UNKNOWN) else []


_UNKNOWN = ("extra", "unknown", "unrecognized", "unsupported", "unexpected", "not permitted")
