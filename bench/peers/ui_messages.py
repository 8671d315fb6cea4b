"""The HTTP peer of the transport: a route that streams an answer for the AI SDK's chat.

It also serves the page that asks.
"""

import sys
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import openai
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from bench.peers.serving import serve

_PAGE = (
    '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><body>'
    '<script type="module" src="built/page.js"></script>'
)
_HEADERS = {"x-vercel-ai-ui-message-stream": "v1", "cache-control": "no-cache"}


def app(model_url: str, built: Path) -> Starlette:
    client = openai.AsyncOpenAI(base_url=model_url, api_key="none")

    async def answer(prompt: str) -> AsyncIterator[bytes]:
        stream = await client.chat.completions.create(
            model="test", messages=[{"role": "user", "content": prompt}], stream=True
        )
        yield _event(type="start", messageId=uuid.uuid4().hex)
        yield _event(type="start-step")
        yield _event(type="text-start", id="text")
        async for chunk in stream:
            if chunk.choices and (text := chunk.choices[0].delta.content):
                yield _event(type="text-delta", id="text", delta=text)
        yield _event(type="text-end", id="text")
        yield _event(type="finish-step")
        yield _event(type="finish")
        yield b"data: [DONE]\n\n"

    async def page(_: Request) -> HTMLResponse:
        return HTMLResponse(_PAGE)

    async def chat(request: Request) -> StreamingResponse:
        asked = await request.json()
        prompt = asked["messages"][-1]["parts"][-1]["text"]
        return StreamingResponse(answer(prompt), media_type="text/event-stream", headers=_HEADERS)

    return Starlette(
        routes=[
            Route("/", page),
            Route("/api/chat", chat, methods=["POST"]),
            Mount("/built", StaticFiles(directory=built)),
        ]
    )


def _event(**chunk: str) -> bytes:
    return b"data: " + msgspec.json.encode(chunk) + b"\n\n"


if __name__ == "__main__":
    port, model_url, built = sys.argv[1:]
    serve(app(model_url, Path(built)), int(port))
