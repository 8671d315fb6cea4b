"""Streams as OpenAI-compatible servers really send them, with the expected results.

Each is a kind: the pieces as written one after another, and what the user sees.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

EVENTS = "text/event-stream; charset=utf-8"
DONE = "data: [DONE]\n\n"


@dataclass(frozen=True)
class Stream:
    """A stream and its expected result.

    text: what is shown, or with `begins` its beginning.
    failure: the reason of the failure, if any.
    cut: whether the connection breaks after the last piece.
    """

    name: str
    pieces: Sequence[str | bytes]
    text: str = "Hello world"
    reasoning: str = ""
    failure: str | None = None
    finish: str = "stop"
    usage: tuple[int, int] | None = None
    cut: bool = False
    begins: bool = False
    content_type: str = EVENTS
    encoding: str | None = None
    compress: Callable[[bytes], bytes] | None = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    def written(self) -> Iterator[bytes]:
        raw = [piece.encode() if isinstance(piece, str) else piece for piece in self.pieces]
        if self.compress is not None:
            raw = [self.compress(b"".join(raw))]
        yield from raw


def event(value: object) -> str:
    return f"data: {json.dumps(value)}\n\n"


def choice(delta: object = None, finish: object = None, **more: Any) -> dict[str, Any]:
    return {
        "index": 0,
        "delta": delta if delta is not None else {},
        "finish_reason": finish,
        **more,
    }


def chunk(*choices: object, **more: Any) -> str:
    envelope = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return event({**envelope, "choices": [*choices], **more})


def say(content: object, finish: object = None, **more: Any) -> str:
    return chunk(choice({"content": content}, finish), **more)


HELLO, WORLD = say("Hello"), say(" world")
STOP = chunk(choice(finish="stop"))
END = [STOP, DONE]
SPREAD = """data: {
data: "choices": [
data: {"delta": {"content": "Hello world"}}
data: ]}

"""
USAGE = {"prompt_tokens": 3, "completion_tokens": 2}


def around(*middle: str | bytes) -> list[str | bytes]:
    """An ordinary answer with something in its middle."""
    return [HELLO, *middle, WORLD, *END]


def after(*last: str | bytes) -> list[str | bytes]:
    """An ordinary answer with something after its text."""
    return [HELLO, WORLD, STOP, *last, DONE]
