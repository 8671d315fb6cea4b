"""The per-token peer: the async SDK, and one publication per token through a shared client."""

import sys

import httpx
import openai
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.peers.serving import serve
from testbed.deployment import API_KEY


def app(model_url: str, api_url: str) -> Starlette:
    model = openai.AsyncOpenAI(base_url=model_url, api_key="none")
    centrifugo = httpx.AsyncClient(base_url=api_url, headers={"X-API-Key": API_KEY})

    async def publish(channel: str, data: dict[str, object]) -> None:
        response = await centrifugo.post("/publish", json={"channel": channel, "data": data})
        response.raise_for_status()

    async def ask(request: Request) -> Response:
        asked = await request.json()
        stream = await model.chat.completions.create(
            model="test", messages=[{"role": "user", "content": asked["text"]}], stream=True
        )
        async for chunk in stream:
            if chunk.choices and (text := chunk.choices[0].delta.content):
                await publish(asked["channel"], {"text": text})
        await publish(asked["channel"], {"end": True})
        return Response()

    return Starlette(routes=[Route("/ask", ask, methods=["POST"])])


if __name__ == "__main__":
    port, model_url, api_url = sys.argv[1:]
    serve(app(model_url, api_url), int(port))
