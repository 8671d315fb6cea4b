"""The decisions made while an answer waited, as a Python responder gets them."""

from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import UNSET

from proxy_server.protocol.encoding import encode
from proxy_server.protocol.messages import Message
from proxy_server.protocol.waiting import Decision as Stored
from proxy_server.responders.responder import Prompt


@dataclass(frozen=True)
class Decision:
    """A tool call that waited.

    tool_call_id, tool, input: the call, as the responder made it.
    approved, reason: the user's decision; None if no approval was requested.
    output, error: the result of a tool that the client ran.
    """

    tool_call_id: str
    tool: str
    input: Any = None
    approved: bool | None = None
    reason: str | None = None
    output: Any = None
    error: str | None = None


def decisions_of(prompt: Prompt) -> tuple[Decision, ...]:
    if not prompt.decisions:
        return ()
    calls = _calls(prompt.history[-1])
    return tuple(
        _decision(stored, calls.get(stored.tool_call_id, {})) for stored in prompt.decisions
    )


def _decision(stored: Stored, call: dict[str, Any]) -> Decision:
    output = None if stored.output is UNSET else msgspec.json.decode(stored.output)
    kind = str(call.get("type", ""))
    return Decision(
        stored.tool_call_id,
        str(call.get("toolName") or kind.removeprefix("tool-")),
        call.get("input"),
        stored.approved,
        stored.reason,
        output,
        stored.error_text,
    )


def _calls(answer: Message) -> dict[str, dict[str, Any]]:
    """The tool parts of the answer, by call id."""
    parts = [msgspec.json.decode(encode(part)) for part in answer.parts]
    return {part["toolCallId"]: part for part in parts if "toolCallId" in part}
