"""The state of a framework's run as text, stored as a part of its message."""

import zlib
from base64 import b64decode, b64encode
from typing import Any

from proxy_server.protocol.messages import Message
from proxy_server.responders.agents.history import parts_of

_MOST_BYTES = 64 << 20


def packed(data: bytes) -> str:
    return b64encode(zlib.compress(data)).decode()


def unpacked(text: str) -> bytes:
    return zlib.decompressobj().decompress(b64decode(text), _MOST_BYTES)


def part(kind: str, data: dict[str, Any]) -> dict[str, Any]:
    """The chunk that stores the state; a later one replaces it."""
    return {"type": kind, "id": "state", "data": data}


def kept(message: Message, kind: str) -> dict[str, Any]:
    """The state of that kind in the message; empty if there is none."""
    found: list[dict[str, Any]] = [
        one["data"] for one in parts_of(message) if one.get("type") == kind
    ]
    return found[-1] if found else {}
