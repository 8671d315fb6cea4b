"""The SSE peer: an ASGI app that streams the async SDK's chunks to the browser."""

import json
import sys
from collections.abc import AsyncIterator

import openai
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from bench.peers.serving import serve


def app(model_url: str) -> Starlette:
    client = openai.AsyncOpenAI(base_url=model_url, api_key="none")

    async def answer(prompt: str) -> AsyncIterator[str]:
        stream = await client.chat.completions.create(
            model="test", messages=[{"role": "user", "content": prompt}], stream=True
        )
        async for chunk in stream:
            if chunk.choices and (text := chunk.choices[0].delta.content):
                yield f"data: {json.dumps(text)}\n\n"

    async def ask(request: Request) -> StreamingResponse:
        asked = await request.json()
        return StreamingResponse(answer(asked["text"]), media_type="text/event-stream")

    return Starlette(routes=[Route("/ask", ask, methods=["POST"])])


if __name__ == "__main__":
    port, model_url = sys.argv[1:]
    serve(app(model_url), int(port))
