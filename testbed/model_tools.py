"""Tool calls as a chat completion streams them, and the model's reply to their outputs."""

import json
from typing import Any, NamedTuple

_PIECE = 6


class Call(NamedTuple):
    name: str
    arguments: str
    options: str


def call_of(prompt: str) -> Call | None:
    """Parses `/call NAME {"some": "arguments"} mark=abc`."""
    command, _, words = prompt.partition(" ")
    if command != "/call":
        return None
    name, _, rest = words.partition(" ")
    arguments, end = json.JSONDecoder().raw_decode(rest) if rest.startswith("{") else ({}, 0)
    return Call(name, json.dumps(arguments), rest[end:])


def said_with_tools(
    messages: list[dict[str, Any]], call: Call, number: int
) -> tuple[list[dict[str, Any]], str]:
    """Deltas with the call, or with the tool's output, and the finish reason."""
    if messages[-1]["role"] != "tool":
        return [{"content": "Let me look. "}, *_pieces(call, f"call_{number}")], "tool_calls"
    words = f"It says: {_outputs(messages)}".split(" ")
    return [{"content": f"{word} "} for word in words], "stop"


def _pieces(call: Call, key: str) -> list[dict[str, Any]]:
    """The arguments in pieces, as they grow."""
    function = {"name": call.name, "arguments": ""}
    begin = {"index": 0, "id": key, "type": "function", "function": function}
    pieces = [call.arguments[at : at + _PIECE] for at in range(0, len(call.arguments), _PIECE)]
    return [
        {"tool_calls": [begin]},
        *({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]} for piece in pieces),
    ]


def prompt_above(asked: dict[str, Any]) -> Any:
    """The prompt for which tools were called; None if the last message is not a tool's output."""
    messages = asked.get("messages", [{"role": "user"}])
    if messages[-1]["role"] != "tool":
        return None
    return next(one["content"] for one in reversed(messages) if one["role"] == "user")


def _outputs(messages: list[dict[str, Any]]) -> str:
    """The outputs of the tools, at the end of the conversation."""
    given: list[str] = []
    for message in reversed(messages):
        if message["role"] != "tool":
            break
        content = message["content"]
        given.append(content if isinstance(content, str) else content[0]["text"])
    return " ".join(reversed(given))
