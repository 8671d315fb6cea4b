"""Answers of a route: a POST to the operator's address."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

import aiohttp
import httpx2

from proxy_server.errors import ResponderFailed
from proxy_server.protocol.events import Event
from proxy_server.responders.files import with_contents
from proxy_server.responders.model.failures import first_token_timeout
from proxy_server.responders.model.reasoning_tags import ReasoningTags
from proxy_server.responders.model.source import Source
from proxy_server.responders.model.time_limit import TimeLimit
from proxy_server.responders.model.transport import Transport
from proxy_server.responders.responder import Prompt
from proxy_server.responders.routes.address import RouteAddress
from proxy_server.responders.routes.reply import check_reply, stream_of
from proxy_server.responders.routes.request import body_of
from proxy_server.responders.routes.signature import RouteSigner

_AWAY = "No answer can be given at the moment. Try again."
# A request on a connection that its server is just closing would fail, and must not be repeated:
# gunicorn closes idle connections after 2 s, Node and uvicorn after 5 s.
_REUSE_SECONDS = 1.5
_AGAIN_SECONDS = (0.2, 1.0)
_HEADERS = {
    "Content-Type": "application/json",
    "Accept": "text/event-stream, text/plain, application/json",
    "Accept-Encoding": "identity",
    "User-Agent": "centrifugo-llm",
}
_NO_CONNECTION = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)


class TimeLimits(NamedTuple):
    """How long a route may be silent: before its first word, and between words."""

    first_token_seconds: float
    idle_seconds: float


class RouteResponder:
    """A responder for one address. Raises ResponderUnusable for an address that cannot be a route.

    secrets: sign the requests.
    connections: the maximum; each answer holds one.
    reasoning_tags: tags to look for in chat completions.
    file_bytes: how much of a conversation's files the route receives.
    """

    def __init__(
        self,
        place: str,
        secrets: Sequence[str],
        limits: TimeLimits,
        *,
        connections: int,
        reasoning_tags: Sequence[str] = (),
        file_bytes: int = 20_000_000,
    ) -> None:
        self._address = RouteAddress.of(place, has_secret=bool(secrets))
        self._signer = RouteSigner(secrets)
        self._limits = limits
        self._file_bytes = file_bytes
        self._tags = tuple(reasoning_tags)
        self._transport = Transport(connections, reuse_seconds=_REUSE_SECONDS)

    async def close(self) -> None:
        await self._transport.aclose()

    @asynccontextmanager
    async def answer(self, prompt: Prompt) -> AsyncIterator[AsyncIterator[Sequence[Event]]]:
        """Calls the route; leaving the context ends its request."""
        limits = self._limits
        limit = TimeLimit(limits.first_token_seconds)
        try:
            with limit:
                response = await self._asked(await self._body(prompt))
        except TimeoutError as error:
            raise first_token_timeout(limits.first_token_seconds) from error
        try:
            check_reply(response)
            source = Source(
                response,
                limit,
                first_token_seconds=limits.first_token_seconds,
                idle_seconds=limits.idle_seconds,
            )
            yield stream_of(response, source, ReasoningTags(self._tags))
        finally:
            limit.close()
            await response.aclose()

    async def _body(self, prompt: Prompt) -> bytes:
        history = await with_contents(
            prompt.history, prompt.files, self._file_bytes, of_any_kind=True
        )
        return body_of(prompt, history)

    async def _asked(self, body: bytes) -> httpx2.Response:
        """Retries only if no connection was made, never a request that may have arrived."""
        headers = _HEADERS | self._signer.headers(body)
        request = httpx2.Request("POST", self._address.url, headers=headers, content=body)
        for seconds in (*_AGAIN_SECONDS, None):
            try:
                return await self._transport.handle_async_request(request)
            except httpx2.ConnectError as error:
                if seconds is None or not isinstance(error.__cause__, _NO_CONNECTION):
                    details = f"{self._address.for_log}: {type(error.__cause__).__name__}: {error}"
                    raise ResponderFailed("away", _AWAY, details) from error
            await asyncio.sleep(seconds)
        raise AssertionError("the last try returns or raises")
