"""A responder whose answers have one part of each kind, for tests of the page.

RESPONDER=testbed.shown_parts:answer. If the prompt is a file's path, the answer pauses in the
middle of a call's input until that file exists.
"""

import asyncio
import json
import struct
import zlib
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from proxy_server import Turn

Json = dict[str, Any]

MARKUP = "<img src=x onerror=alert(1)><b>bold</b>"
QUERY = "the river's level, in metres above what is usual in November"
LONG = [{"at": number, "level": number / 7, "note": MARKUP} for number in range(2_000)]
_LOOKED_EVERY = 0.02


async def answer(turn: Turn) -> AsyncIterator[str | Json]:
    if turn.trigger == "continue":
        for decision in turn.decisions:
            call = {"toolCallId": decision.tool_call_id}
            if decision.approved:
                yield {"type": "tool-output-available", **call, "output": "Sent."}
            else:
                yield {"type": "tool-output-denied", **call}
        yield "That was all."
        return
    yield "I look at the **river** first.\n\n"
    begun, ended = _halves(json.dumps({"query": QUERY, "limit": 2_000}))
    call = {"toolCallId": "look", "toolName": "look_up"}
    yield {"type": "tool-input-start", **call}
    yield {"type": "tool-input-delta", "toolCallId": "look", "inputTextDelta": begun}
    await _there(turn.text)
    yield {"type": "tool-input-delta", "toolCallId": "look", "inputTextDelta": ended}
    yield {"type": "tool-input-available", **call, "input": json.loads(begun + ended)}
    yield {"type": "tool-output-available", "toolCallId": "look", "output": LONG}
    for chunk in _others():
        yield chunk
    yield "Two letters would have to be sent:\n\n"
    for name in ("Anna", "Boris"):
        for chunk in _asking(name):
            yield chunk


def _others() -> Iterator[Json]:
    yield {"type": "start-step"}
    yield {"type": "reasoning-start", "id": "r"}
    yield {"type": "reasoning-delta", "id": "r", "delta": "It rises."}
    yield {"type": "reasoning-end", "id": "r"}
    yield {"type": "reasoning-file", "mediaType": "image/png", "url": picture(40, 24)}
    failing = {"toolCallId": "fail", "toolName": "measure", "dynamic": True}
    yield {"type": "tool-input-available", **failing, "input": {"at": "bridge"}}
    yield {"type": "tool-output-error", "toolCallId": "fail", "errorText": f"No gauge {MARKUP}"}
    yield {"type": "file", "mediaType": "image/png", "url": picture(320, 120)}
    yield {"type": "file", "mediaType": "text/csv", "url": "https://example.com/levels.csv"}
    yield {"type": "source-url", "sourceId": "1", "url": "https://example.com/river"}
    document = {"mediaType": "application/pdf", "title": "Floods", "filename": "floods.pdf"}
    yield {"type": "source-document", "sourceId": "2", **document}
    yield {"type": "data-forecast", "id": "f", "data": {"tomorrow": [3.1, 3.4], "note": MARKUP}}


def _asking(name: str) -> Iterator[Json]:
    call = {"toolCallId": name, "toolName": "send_letter"}
    letter = {"to": f"{name} <{name.lower()}@example.com>", "text": f"Dear {name}, {MARKUP}"}
    yield {"type": "tool-input-available", **call, "input": letter}
    asked = {"toolCallId": name, "approvalId": name, "reason": "A letter cannot be taken back."}
    yield {"type": "tool-approval-request", **asked}


def picture(width: int, height: int) -> str:
    """A PNG with a gradient from one color to another, as a data URL."""
    pixels = (
        (29 + 200 * x // width, 106, 89 + 120 * y // height) for y, x in _places(width, height)
    )
    flat = [byte for pixel in pixels for byte in pixel]
    rows = (bytes(flat[at : at + 3 * width]) for at in range(0, len(flat), 3 * width))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    image = b"".join(b"\0" + row for row in rows)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(image)), (b"IEND", b""))
    png = b"\x89PNG\r\n\x1a\n" + b"".join(_png_chunk(*chunk) for chunk in chunks)
    return f"data:image/png;base64,{b64encode(png).decode()}"


def _places(width: int, height: int) -> Iterator[tuple[int, int]]:
    return ((y, x) for y in range(height) for x in range(width))


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _halves(text: str) -> tuple[str, str]:
    return text[: len(text) // 2], text[len(text) // 2 :]


async def _there(prompt: str) -> None:
    while prompt.startswith("/") and not await asyncio.to_thread(Path(prompt).exists):
        await asyncio.sleep(_LOOKED_EVERY)
