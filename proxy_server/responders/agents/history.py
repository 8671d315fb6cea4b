"""The messages so far as AI SDK parts, for frameworks that do not read those."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from proxy_server.protocol.messages import Message

_DENIED = "The user denied this call."


class ToolUse(NamedTuple):
    """A finished tool call: its input and output, as text."""

    call_id: str
    name: str
    input: Any
    output: str


class File(NamedTuple):
    """A file at an address that the model's server can read: https or data."""

    media_type: str
    url: str


Said = str | File | ToolUse


def said(message: Message) -> Iterator[Said]:
    """The text, files and finished tool calls of a message, in order; reasoning is left out."""
    for part in parts_of(message):
        match part:
            case {"type": "text", "text": str(text)} if text:
                yield text
            case {"type": "file", "mediaType": str(kind), "url": str(url)}:
                if url.startswith(("data:", "https:")):
                    yield File(kind, url)
            case {"type": str(kind), "toolCallId": str(call_id)}:
                name = (
                    kind.removeprefix("tool-") if kind != "dynamic-tool" else part.get("toolName")
                )
                if (output := _output(part)) is not None:
                    yield ToolUse(call_id, str(name), part.get("input"), output)


def parts_of(message: Message) -> list[dict[str, Any]]:
    """The parts as JSON."""
    parts: list[dict[str, Any]] = msgspec.json.decode(msgspec.json.encode(message.parts))
    return parts


def call_ids(messages: Iterable[Message]) -> set[str]:
    """The ids of all earlier tool calls."""
    parts = (part for message in messages for part in parts_of(message))
    return {str(part["toolCallId"]) for part in parts if "toolCallId" in part}


def _output(part: Mapping[str, Any]) -> str | None:
    match part.get("state"):
        case "output-available":
            found = part.get("output")
            return found if isinstance(found, str) else json.dumps(found)
        case "output-error":
            return str(part.get("errorText"))
        case "output-denied":
            return _DENIED
        case _:
            # every model rejects a call without an output
            return None
