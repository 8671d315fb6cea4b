"""What an answer waits for, the decisions on it, and the chunks that publish them."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from proxy_server.errors import Malformed, NotFound
from proxy_server.protocol.encoding import encode
from proxy_server.protocol.messages import FilePart, Part, ReasoningPart, SourceUrl, TextPart
from proxy_server.protocol.requests import Approval, ToolOutput

Json = dict[str, Any]

NOT_DONE = "This was not done."


class Decision(Struct, rename="camel", omit_defaults=True):
    """A decision on a tool call, or its result, as stored."""

    tool_call_id: str
    approval_id: str | None = None
    approved: bool | None = None
    reason: str | None = None
    output: Raw | UnsetType = UNSET
    error_text: str | None = None


class _Asked(Struct):
    id: str


class _Call(Struct, rename="camel"):
    """The fields of a tool part that are read here."""

    type: str
    tool_call_id: str
    state: str
    approval: _Asked | None = None
    provider_executed: bool = False

    @property
    def waits(self) -> bool:
        if self.state == "approval-requested":
            return self.approval is not None
        return self.state == "input-available" and not self.provider_executed


_call = msgspec.json.Decoder(_Call)
_decisions = msgspec.json.Decoder(list[Decision])


class Open(NamedTuple):
    """A call that waits: for the approval with that id, or for an output."""

    tool_call_id: str
    approval_id: str | None


def is_to_wait(parts: Iterable[Part], finish_reason: str) -> bool:
    """Whether an answer that ended like this waits for a decision.

    A call without an output counts only if the responder's finish reason is "tool-calls".
    """
    waiting = open_calls(parts)
    return any(call.approval_id is not None for call in waiting) or (
        bool(waiting) and finish_reason == "tool-calls"
    )


def open_calls(parts: Iterable[Part]) -> list[Open]:
    """What an answer with these parts waits for."""
    return [_as_open(call) for call in _calls(parts) if call.waits]


def decided(
    parts: Sequence[Part], approvals: Iterable[Approval], outputs: Iterable[ToolOutput]
) -> list[Decision]:
    """The new decisions; the first decision on each call counts.

    Raises NotFound if one refers to nothing in the answer, and Malformed.
    """
    calls = _calls(parts)
    by_approval = {call.approval.id: call for call in calls if call.approval is not None}
    by_id = {call.tool_call_id: call for call in calls}
    found: dict[str, Decision] = {}
    for approval in approvals:
        call = _known(by_approval, approval.id)
        decision = Decision(call.tool_call_id, approval.id, approval.approved, approval.reason)
        if call.waits:
            found.setdefault(call.tool_call_id, decision)
    for output in outputs:
        call = _known(by_id, output.tool_call_id)
        if call.state == "approval-requested":
            raise Malformed(
                f"The call {call.tool_call_id} is waiting for an approval, not for an output."
            )
        if call.waits:
            found.setdefault(call.tool_call_id, _done(output))
    return list(found.values())


def _known(calls: dict[str, _Call], name: str) -> _Call:
    if name not in calls:
        raise NotFound("This answer is not waiting for that.")
    return calls[name]


def _done(output: ToolOutput) -> Decision:
    if output.error_text is not UNSET:
        return Decision(output.tool_call_id, error_text=output.error_text)
    return Decision(output.tool_call_id, output=output.output)


def chunk_of(decision: Decision) -> Json:
    """The chunk that publishes a decision."""
    call = {"toolCallId": decision.tool_call_id}
    if decision.approval_id is not None:
        reason = {} if decision.reason is None else {"reason": decision.reason}
        return {
            "type": "tool-approval-response",
            "approvalId": decision.approval_id,
            "approved": decision.approved,
            **reason,
        }
    if decision.error_text is not None:
        return {"type": "tool-output-error", **call, "errorText": decision.error_text}
    return {"type": "tool-output-available", **call, "output": decision.output}


def denied(parts: Iterable[Part], reason: str) -> list[Json]:
    """The chunks that deny everything that the answer still waits for."""
    chunks: list[Json] = []
    for call in open_calls(parts):
        if call.approval_id is None:
            chunks.append(chunk_of(Decision(call.tool_call_id, error_text=f"{NOT_DONE} {reason}")))
            continue
        chunks.append(chunk_of(Decision(call.tool_call_id, call.approval_id, False, reason)))
        chunks.append({"type": "tool-output-denied", "toolCallId": call.tool_call_id})
    return chunks


def encode_decisions(decisions: Sequence[Decision]) -> str:
    return encode(decisions).decode()


def decode_decisions(raw: str | None) -> list[Decision]:
    return _decisions.decode(raw) if raw else []


def _calls(parts: Iterable[Part]) -> list[_Call]:
    """The tool calls; an id that appears again in a later step refers to the later call."""
    return list({call.tool_call_id: call for call in _read(parts)}.values())


def _read(parts: Iterable[Part]) -> Iterator[_Call]:
    for part in parts:
        if isinstance(part, TextPart | ReasoningPart | FilePart | SourceUrl):
            continue
        try:
            call = _call.decode(encode(part))
        except msgspec.ValidationError:
            continue
        if call.type == "dynamic-tool" or call.type.startswith("tool-"):
            yield call


def _as_open(call: _Call) -> Open:
    asked = call.state == "approval-requested" and call.approval
    return Open(call.tool_call_id, asked.id if asked else None)
