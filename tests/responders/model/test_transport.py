"""The transport below the SDK: what arrived is read, whatever happens to the connection."""

import httpx2
import pytest
from aiohttp import web

from proxy_server.responders.model.transport import STREAM, Stream, Transport
from testbed.waiting import until
from tests.responders.serving import serving


async def test_what_came_before_a_break_is_read_however_late() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"what came ")
        await response.write(b"before")
        assert request.transport is not None
        request.transport.close()
        return response

    async with (
        serving("/", answer) as url,
        httpx2.AsyncClient(transport=Transport(connections=1)) as http,
        http.stream("POST", url) as response,
    ):
        stream: Stream = response.extensions[STREAM]

        async def broken() -> bool:
            return stream._content.exception() is not None

        await until(broken)
        assert await stream.read() == b"what came before"
        with pytest.raises(ConnectionError):
            await stream.read()
