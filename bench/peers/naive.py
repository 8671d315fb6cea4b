"""The naive peer: a blocking model client, and a new HTTP client for each token's publication."""

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
    model = openai.OpenAI(base_url=model_url, api_key="none")

    async def publish(channel: str, data: dict[str, object]) -> None:
        async with httpx.AsyncClient(headers={"X-API-Key": API_KEY}) as centrifugo:
            asked = {"channel": channel, "data": data}
            response = await centrifugo.post(f"{api_url}/publish", json=asked)
        response.raise_for_status()

    async def ask(request: Request) -> Response:
        asked = await request.json()
        stream = model.chat.completions.create(
            model="test", messages=[{"role": "user", "content": asked["text"]}], stream=True
        )
        for chunk in stream:
            if chunk.choices and (text := chunk.choices[0].delta.content):
                await publish(asked["channel"], {"text": text})
        await publish(asked["channel"], {"end": True})
        return Response()

    return Starlette(routes=[Route("/ask", ask, methods=["POST"])])


if __name__ == "__main__":
    port, model_url, api_url = sys.argv[1:]
    serve(app(model_url, api_url), int(port))
