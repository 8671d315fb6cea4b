"""The bytes that the model server sends for a text, in each API that it speaks."""

import json
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

from testbed.text import tokens

DONE = b"data: [DONE]\n\n"
# what providers repeat in every event
_CHAT = {
    "id": "chatcmpl-DaX7vQm2LrT9sKfB4wHnYcJ1eUpGo",
    "object": "chat.completion.chunk",
    "created": 1767225600,
    "model": "test",
    "system_fingerprint": "fp_3f58d112f7",
}
_ITEM = {"item_id": "msg_68a1f0c2d4e8819e", "output_index": 0, "content_index": 0}


def _data(value: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n"


class Piece(NamedTuple):
    text: str
    event: bytes


class ChatCompletions:
    begin = b""
    """All events before those of the text."""

    def contents(self, asked: dict[str, Any]) -> list[Any]:
        """The contents of a request's messages: a string each, or a list of parts."""
        return [message.get("content") for message in asked["messages"]]

    def text(self, text: str) -> bytes:
        return event({"content": text})

    def reasoning(self, text: str) -> bytes:
        return event({"reasoning_content": text})

    def end(self, finish: str) -> bytes:
        """All events after those of the text, for that finish reason of chat completions."""
        usage = {"prompt_tokens": 7, "completion_tokens": 9}
        return event(None, finish) + _data({"choices": [], "usage": usage}) + DONE


class Responses:
    begin = b""

    def contents(self, asked: dict[str, Any]) -> list[Any]:
        return [item["content"] for item in asked["input"]]

    def text(self, text: str) -> bytes:
        return _typed("response.output_text.delta", **_ITEM, delta=text, logprobs=[])

    def reasoning(self, text: str) -> bytes:
        return _typed("response.reasoning_summary_text.delta", **_ITEM, delta=text)

    def end(self, finish: str) -> bytes:
        usage = {"input_tokens": 7, "output_tokens": 9}
        response = {"object": "response", "status": "completed", "output": [], "usage": usage}
        if finish == "stop":
            return _typed("response.completed", response=response)
        reasons = {"length": "max_output_tokens", "content_filter": "content_filter"}
        why = {"status": "incomplete", "incomplete_details": {"reason": reasons[finish]}}
        return _typed("response.incomplete", response=response | why)


class UiMessages:
    """A route's reply, as the AI SDK answers `useChat`."""

    begin = b"".join(
        _data(chunk)
        for chunk in ({"type": "start"}, {"type": "start-step"}, {"type": "text-start", "id": "0"})
    )

    def contents(self, asked: dict[str, Any]) -> list[Any]:
        return [
            "".join(part["text"] for part in message["parts"] if part["type"] == "text")
            for message in asked["messages"]
        ]

    def text(self, text: str) -> bytes:
        return _data({"type": "text-delta", "id": "0", "delta": text})

    def reasoning(self, text: str) -> bytes:
        started = {"type": "reasoning-start", "id": "1"}
        said = {"type": "reasoning-delta", "id": "1", "delta": text}
        return b"".join(map(_data, (started, said, {"type": "reasoning-end", "id": "1"})))

    def end(self, finish: str) -> bytes:
        metadata = {"usage": {"inputTokens": 7, "outputTokens": 9}}
        ended: list[dict[str, Any]] = [
            {"type": "text-end", "id": "0"},
            {"type": "finish-step"},
            {"type": "finish", "finishReason": finish, "messageMetadata": metadata},
        ]
        return b"".join(map(_data, ended)) + DONE


Format = ChatCompletions | Responses | UiMessages
CHAT, RESPONSES, UI = ChatCompletions(), Responses(), UiMessages()


def event(delta: dict[str, Any] | None, finish: str | None = None) -> bytes:
    """An event of chat completions."""
    choices = [{"index": 0, "delta": delta or {}, "finish_reason": finish}]
    return _data({**_CHAT, "choices": choices})


@cache
def pieces(count: int, seed: int, size: int, spoken: Format = CHAT) -> tuple[Piece, ...]:
    """`count` tokens of testbed.text, `size` of them in each event."""
    return tuple(Piece(text, spoken.text(text)) for text in _texts(tokens(count, seed), size))


def _texts(all_tokens: Sequence[str], size: int) -> list[str]:
    return ["".join(all_tokens[i : i + size]) for i in range(0, len(all_tokens), size)]


def _typed(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\n".encode() + _data({"type": kind, "sequence_number": 4, **fields})
