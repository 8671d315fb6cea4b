"""The body of a provider's answer: read on demand, decompressed, with a silence timeout."""

from collections.abc import Callable

import httpx2

from proxy_server.responders.model.encodings import decompressor
from proxy_server.responders.model.failures import first_token_timeout, idle_timeout
from proxy_server.responders.model.time_limit import TimeLimit
from proxy_server.responders.model.transport import STREAM, Stream


class Source:
    """A sign of life renews the timeout; the time limit of the whole answer is set elsewhere.

    limit: the timeout, which has already covered the wait for the response.
    """

    def __init__(
        self,
        response: httpx2.Response,
        limit: TimeLimit,
        *,
        first_token_seconds: float,
        idle_seconds: float,
    ) -> None:
        self._stream: Stream = response.extensions[STREAM]
        self._encoding = response.headers.get("content-encoding", "")
        self._limit = limit
        self._first_token_seconds = first_token_seconds
        self._idle_seconds = idle_seconds
        self._plain: Callable[[bytes], bytes] | None = None
        self._begun = False
        kind = response.headers.get("content-type", "no content type")
        self.described = f"status {response.status_code}, {kind[:100]}"
        """What the body claims to be, for the log."""

    async def read(self, *, spoke: bool) -> bytes:
        """All that has arrived; waits if nothing has. Empty at the end.

        Raises ConnectionError if the connection broke before the end, and ResponderFailed if
        nothing came in time.
        spoke: whether the model has said anything.
        """
        data = b""
        if self._begun:
            self._limit.renew(self._idle_seconds if spoke else self._first_token_seconds)
        try:
            with self._limit:
                # a compressed piece may not hold even one whole byte of the text
                while not data and (read := await self._stream.read()):
                    data = self._decompressed(read)
        except TimeoutError as error:
            if spoke:
                raise idle_timeout(self._idle_seconds) from error
            raise first_token_timeout(self._first_token_seconds) from error
        return data

    def _decompressed(self, data: bytes) -> bytes:
        if not self._begun:
            self._begun = True
            self._plain = decompressor(self._encoding, data)
        if self._plain is None:
            return data
        try:
            return self._plain(data)
        except Exception as error:  # zlib's and brotli's errors have no common base
            raise ConnectionError(f"not {self._encoding or 'gzip'}: {error!r}") from error
