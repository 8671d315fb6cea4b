"""A route's replies, in all formats."""

import pytest
from aiohttp import web

from tests.responders.routes.listening import listen, route
from tests.responders.routes.replies import REPLIES, Reply
from tests.responders.serving import Handler, write


def replying(reply: Reply) -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=reply.status, headers=reply.headers)
        if reply.content_type is not None:
            response.headers["Content-Type"] = reply.content_type
        pieces = (p.encode() if isinstance(p, str) else p for p in reply.pieces)
        await write(request, response, pieces, cut=reply.cut)
        return response

    return handler


@pytest.mark.parametrize("reply", REPLIES, ids=lambda reply: reply.name)
async def test_what_a_route_replies(reply: Reply) -> None:
    async with route(replying(reply)) as responder:
        heard = await listen(responder)
    assert (heard.text, heard.reasoning) == (reply.text, reply.reasoning)
    assert heard.others == [*reply.others]
    assert heard.usage == reply.usage
    if reply.failure is None:
        assert heard.failure is None, heard.failure
        assert heard.finish == reply.finish
        return
    assert heard.finish is None
    assert heard.failure is not None
    assert heard.failure.reason == reply.failure
    if reply.sentence is not None:
        assert heard.failure.sentence == reply.sentence
    for word in ("Hello", "shop", "sentence of"):
        assert word not in str(heard.failure)


async def test_text_whose_end_cannot_be_told_is_no_answer() -> None:
    async def old(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.write(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nHello")
        request.transport.close()
        return web.Response()

    async with route(old) as responder:
        heard = await listen(responder)
    assert heard.failure is not None
    assert (heard.text, heard.failure.reason) == ("", "no_length")
