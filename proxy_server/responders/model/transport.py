"""aiohttp under the SDK: connections to the model whose streams are read only on demand.

The SDK's own transports read a stream as it arrives, with one wake-up per token. Here the socket is
left alone between two reads: what arrives meanwhile gathers in the kernel and comes out in one
piece, and TCP slows down a provider that is faster than its reader.
"""

from collections.abc import AsyncIterator
from urllib.request import getproxies_environment

import aiohttp
import httpx2
from yarl import URL

_CONNECT_SECONDS = 10
_RETRY_SECONDS = 2
# Followed with the same method and body: only a chat completion is an acceptable reply.
_REDIRECTS = (301, 302, 307, 308)
_MOST_REDIRECTS = 3
STREAM = "stream"
"""The response extension that holds its Stream."""


class Transport(httpx2.AsyncBaseTransport):
    """Sends the SDK's requests through one aiohttp session.

    reuse_seconds: how long an idle connection is kept for the next request.
    """

    def __init__(self, connections: int, *, reuse_seconds: float = 15) -> None:
        connector = aiohttp.TCPConnector(
            limit=connections, ttl_dns_cache=300, keepalive_timeout=reuse_seconds
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            # Otherwise aiohttp looks for a .netrc file for each request, in a thread: half a
            # millisecond.
            trust_env=bool(getproxies_environment()),
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        url = URL(str(request.url))
        try:
            response = await self._request(request, url)
            for _ in range(_MOST_REDIRECTS):
                target = _redirect(url, response)
                if target is None:
                    break
                response.release()
                url = target
                response = await self._request(request, url)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise httpx2.ConnectError(str(error) or repr(error), request=request) from error
        stream = Stream(response)
        headers = list(response.raw_headers)
        if _asks_for_patience(response):
            headers.append((b"x-should-retry", b"false"))
        return httpx2.Response(
            response.status,
            headers=headers,
            stream=stream,
            request=request,
            # httpx wraps the stream that it is given; reading below the wrapper is cheaper.
            extensions={STREAM: stream},
        )

    async def aclose(self) -> None:
        await self._session.close()

    async def _request(self, request: httpx2.Request, url: URL) -> aiohttp.ClientResponse:
        return await self._session.request(
            request.method,
            url,
            headers=request.headers.multi_items(),
            data=request.content or None,
            allow_redirects=False,
        )


def _redirect(url: URL, response: aiohttp.ClientResponse) -> URL | None:
    """The target of a redirect: only the same host and port, because the request has the key."""
    place = response.headers.get("location")
    if response.status not in _REDIRECTS or place is None:
        return None
    try:
        target = url.join(URL(place))
    except ValueError:
        return None
    is_weaker = url.scheme == "https" and target.scheme != "https"
    is_same_port = target.port == url.port or (url.is_default_port() and target.is_default_port())
    return target if target.host == url.host and is_same_port and not is_weaker else None


def _asks_for_patience(response: aiohttp.ClientResponse) -> bool:
    """Whether the SDK would wait long before its next try, while a user looks at a spinner."""
    after = response.headers.get("retry-after")
    if after is None:
        return False
    try:
        return float(after) > _RETRY_SECONDS
    except ValueError:
        # a date: comparing it would need clocks that agree
        return True


class Stream(httpx2.AsyncByteStream):
    """The body of a response."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self._content = response.content

    async def read(self) -> bytes:
        """All that has arrived; waits if nothing has. Empty at the end.

        Raises ConnectionError if the connection broke before the end.
        """
        # None once the body has been received completely.
        connection = self._response.connection
        # Not the protocol: pausing that stops its parser as well, and the socket's next data then
        # comes out in two reads, the second a whole pause too late.
        socket = connection.transport if connection is not None else None
        try:
            if socket is not None and not socket.is_closing():
                socket.resume_reading()
            data = await self._content.readany()
            if socket is not None and not self._content.is_eof() and not socket.is_closing():
                socket.pause_reading()
        except (aiohttp.ClientError, OSError) as error:
            # the error comes at once, even if data from before the break is still unread
            if came := self._content._read_nowait(-1):
                return came
            raise ConnectionError(repr(error)) from error
        return data

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            while data := await self.read():
                yield data
        except ConnectionError as error:
            raise httpx2.ReadError(str(error)) from error

    async def aclose(self) -> None:
        # After a body that was read to its end, the connection is free for the next request. Any
        # other is closed, which tells the provider to stop.
        if self._content.is_eof():
            self._response.release()
        else:
            self._response.close()
