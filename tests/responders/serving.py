"""A server for one test, over real HTTP."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager

from aiohttp import web

from testbed.ports import free_port
from tests.responders.model.streams import Stream

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(path: str, handler: Handler, port: int = 0) -> AsyncIterator[str]:
    """The address of a server that handles POST at that path."""
    application = web.Application()
    application.router.add_post(path, handler)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    port = port or free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


def streaming(stream: Stream) -> Handler:
    """Sends the body, and cuts the connection if told to."""

    async def complete(request: web.Request) -> web.StreamResponse:
        encoding = {"Content-Encoding": stream.encoding} if stream.encoding else {}
        headers = {"Content-Type": stream.content_type, **encoding}
        response = web.StreamResponse(headers=headers)
        await write(request, response, stream.written(), cut=stream.cut)
        return response

    return complete


async def write(
    request: web.Request, response: web.StreamResponse, pieces: Iterable[bytes], *, cut: bool
) -> None:
    """Piece by piece; `cut` breaks the connection before the end of the body."""
    await response.prepare(request)
    for piece in pieces:
        await response.write(piece)
        await asyncio.sleep(0)
    if cut:
        assert request.transport is not None
        request.transport.close()
