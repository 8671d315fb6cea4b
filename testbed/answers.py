"""A responder whose answers have parts of all kinds: the model server's text, and more between.

RESPONDERS="parts=testbed.answers:answer"; the prompt is the model server's. Every fifth token is a
number, followed by what `chunks_at` returns for it: so the text determines the parts.
"""

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator
from typing import Any

import aiohttp

from proxy_server import Turn

Json = dict[str, Any]

_SILENT_BEATS, _BEAT_SECONDS = 30, 0.1
_BETWEEN_SECONDS = 0.005
_NUMBER = re.compile(r"( \d+)")
_IMAGE = "data:image/png;base64,iVBORw0KGgo="


async def answer(turn: Turn) -> AsyncIterator[str | Json]:
    async for text in _texts(turn.text):
        for piece in _NUMBER.split(text):
            if piece:
                yield piece
            if _NUMBER.fullmatch(piece):
                for chunk in chunks_at(int(piece)):
                    yield chunk
                    # so that parts are published, kept and lost in the middle
                    await asyncio.sleep(_BETWEEN_SECONDS)


def chunks_at(number: int) -> Iterator[Json]:
    """The chunks after that number."""
    call = f"call-{number}"
    match number // 5 % 8:
        case 0:
            yield from _call(call, number, {})
            yield {"type": "tool-output-available", "toolCallId": call, "output": {"n": number}}
        case 1:
            yield {"type": "source-url", "sourceId": call, "url": f"https://example.com/{number}"}
        case 2 | 6:
            yield {"type": "data-progress", "id": "p", "data": {"at": number}}
        case 3:
            yield {"type": "reasoning-start", "id": call}
            yield {"type": "reasoning-delta", "id": call, "delta": f"After {number} "}
            yield {"type": "reasoning-delta", "id": call, "delta": "words."}
            yield {"type": "reasoning-end", "id": call}
        case 4:
            yield {"type": "file", "mediaType": "image/png", "url": _IMAGE}
        case 5:
            yield from _call(call, number, {"dynamic": True})
            yield {"type": "tool-output-error", "toolCallId": call, "errorText": f"no {number}"}
        case 7:
            yield {"type": "start-step"}
            yield {"type": "data-transient", "data": number, "transient": True}


def _call(call: str, number: int, more: Json) -> Iterator[Json]:
    asked = {"toolCallId": call, "toolName": "search", **more}
    value = {"query": f'"{number}" ü🌍', "limit": number}
    yield {"type": "tool-input-start", **asked}
    written = json.dumps(value)
    for at in range(0, len(written), 9):
        piece = written[at : at + 9]
        yield {"type": "tool-input-delta", "toolCallId": call, "inputTextDelta": piece}
    yield {"type": "tool-input-available", **asked, "input": value}


def chunks_of(text: str) -> Iterator[Json]:
    """All chunks of an answer with this text; the text itself as deltas of one id at a time."""
    key = 0
    open_ = False
    for piece in _NUMBER.split(text):
        if piece and not open_:
            key, open_ = key + 1, True
            yield {"type": "text-start", "id": str(key)}
        if piece:
            yield {"type": "text-delta", "id": str(key), "delta": piece}
        if _NUMBER.fullmatch(piece):
            behind = list(chunks_at(int(piece)))
            if begins_part(behind, int(piece)):
                open_ = False
            yield from behind


def begins_part(chunks: Iterable[Json], number: int) -> bool:
    """Whether text after these chunks is a part of its own, because a part was added between."""
    first = next(iter(chunks))
    # the first one adds the part, and later ones change it
    return first["type"] != "data-progress" or number == _FIRST_PROGRESS


_FIRST_PROGRESS = 14


async def _texts(prompt: str) -> AsyncIterator[str]:
    """The text of the model server's answer as it arrives; raises if that breaks off."""
    url = f"{os.environ['OPENAI_BASE_URL']}/chat/completions"
    asked = {"model": "test", "stream": True, "messages": [{"role": "user", "content": prompt}]}
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None)) as http,
        http.post(url, json=asked, raise_for_status=True) as response,
    ):
        while line := await _in_time(response.content.readline()):
            data = line.removeprefix(b"data: ").strip()
            if data == b"[DONE]":
                return
            if data:
                for choice in json.loads(data)["choices"]:
                    if text := choice["delta"].get("content"):
                        yield text
    raise ConnectionError("the model broke off")


async def _in_time(reading: Coroutine[Any, Any, bytes]) -> bytes:
    """Counts beats rather than seconds: a process that was paused has missed nothing."""
    task = asyncio.ensure_future(reading)
    try:
        for _ in range(_SILENT_BEATS):
            if (await asyncio.wait((task,), timeout=_BEAT_SECONDS))[0]:
                return await task
        raise ConnectionError("the model is silent")
    finally:
        task.cancel()
