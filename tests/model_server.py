"""An OpenAI-compatible server whose behaviour the prompt chooses."""

import asyncio
import json
import sys

from aiohttp import web

WORDS = ["Gr", "üße", " 🌍", '"', "\n", "日本", "语 ", "\\", "end. "]


def text(count: int) -> str:
    return "".join(WORDS[i % len(WORDS)] for i in range(count))


def event(delta: dict[str, str] | None, finish: str | None = None) -> bytes:
    choices = [{"index": 0, "delta": delta or {}, "finish_reason": finish}]
    return b"data: " + json.dumps({"choices": choices}, ensure_ascii=False).encode() + b"\n\n"


async def complete(request: web.Request) -> web.StreamResponse:
    asked = await request.json()
    prompt = asked["messages"][-1]["content"]
    if not asked.get("stream"):
        message = {"role": "assistant", "content": '"A made title"'}
        return web.json_response({"choices": [{"index": 0, "message": message}]})
    command, _, argument = prompt.partition(" ")
    if command == "/status":
        code, *after = argument.split()
        headers = {"Retry-After": after[0]} if after else {}
        return web.json_response({"error": {"message": "no"}}, status=int(code), headers=headers)
    if command == "/not-sse":
        return web.Response(text="<html>hello</html>", content_type="text/html")
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    if command == "/empty":
        await response.write(b"data: [DONE]\n\n")
        return response
    if command == "/crlf":
        await response.write(b": keep-alive\r\n\r\n" + event({"content": "ok"}, "stop"))
        await response.write(b"data:[DONE]\r\n\r\n")
        return response
    if command == "/reasoning":
        await response.write(event({"reasoning_content": "hm"}) + event({"reasoning": "m"}))
        await response.write(event({"content": "so"}))
    if command == "/bytes":
        for byte in event({"content": text(9)}):
            await response.write(bytes([byte]))
    if command == "/surrogates":
        for half in ("\\ud83d", "\\ude00"):
            await response.write(
                b'data: {"choices":[{"delta":{"content":"%b"}}]}\n\n' % half.encode()
            )
    if command in ("/tokens", "/stall", "/cut", "/half"):
        for i in range(int(argument or 5)):
            await response.write(event({"content": WORDS[i % len(WORDS)]}))
            await asyncio.sleep(0.01)
    if command == "/stall":
        await asyncio.sleep(60)
    if command == "/silent":
        await asyncio.sleep(60)
    if command == "/half":
        await response.write(b'data: {"choices":[{"del')
    if command in ("/half", "/cut"):
        assert request.transport is not None
        request.transport.close()
        return response
    await response.write(event(None, "stop"))
    usage = {"prompt_tokens": 7, "completion_tokens": 9}
    await response.write(b"data: " + json.dumps({"choices": [], "usage": usage}).encode() + b"\n\n")
    await response.write(b"data: [DONE]\n\n")
    return response


if __name__ == "__main__":
    app = web.Application()
    app.router.add_post("/v1/chat/completions", complete)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None, shutdown_timeout=0.1)
