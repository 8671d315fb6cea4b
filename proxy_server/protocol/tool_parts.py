"""Tool parts of a message, and how each chunk changes one, as in the AI SDK."""

from collections.abc import Iterable, Mapping
from typing import Any

from proxy_server.protocol.messages import Status
from proxy_server.protocol.shapes import Json

_OF_STATE = ("input", "output", "errorText", "rawInput", "inputEncoding", "preliminary")
_ENDED = ("output-available", "output-error")
_INPUT_STATES = {
    "tool-input-start": "input-streaming",
    "tool-input-available": "input-available",
    "tool-input-error": "output-error",
}
_ASKED = {
    "descriptor": "approvalDescriptor",
    "inputSchemaInput": "inputSchemaInput",
    "requestReason": "reason",
    "isAutomatic": "isAutomatic",
    "signature": "signature",
}
"""Fields of an approval, and their names in the chunk that requests it."""
_NO_INPUT = "The answer ended before the input was complete."
_NO_OUTPUT = "The answer ended before there was an output."


def is_tool(part: Mapping[str, Any]) -> bool:
    kind: str = part["type"]
    return kind == "dynamic-tool" or kind.startswith("tool-")


def is_dynamic(part: Mapping[str, Any]) -> bool:
    kind: str = part["type"]
    return kind == "dynamic-tool"


def tool_name(part: Mapping[str, Any]) -> str:
    name: str = part["toolName"] if is_dynamic(part) else part["type"].removeprefix("tool-")
    return name


def called(part: Json | None, chunk: Json) -> Json:
    """A call begins, its input is complete, or its input is invalid."""
    kind = chunk["type"]
    fields: Json = {
        key: chunk[key] for key in ("input", "errorText", "inputEncoding") if key in chunk
    }
    if kind != "tool-input-error" and "title" in chunk:
        fields["title"] = chunk["title"]
    dynamic = bool(chunk.get("dynamic"))
    if part is not None and kind == "tool-input-error":
        dynamic = is_dynamic(part)
    return _in_state(_INPUT_STATES[kind], part or {}, chunk, chunk["toolName"], dynamic, fields)


def ended(part: Json, chunk: Json) -> Json:
    """The output, or why there is none."""
    failed = chunk["type"] == "tool-output-error"
    fields: Json = {
        key: chunk[key] for key in ("output", "errorText", "preliminary") if key in chunk
    }
    kept = ("input", "rawInput") if failed and not is_dynamic(part) else ("input",)
    fields |= {key: part[key] for key in kept if key in part}
    state = "output-error" if failed else "output-available"
    return _in_state(state, part, chunk, tool_name(part), is_dynamic(part), fields)


def _in_state(state: str, part: Json, chunk: Json, name: str, dynamic: bool, fields: Json) -> Json:
    """Changes the state; drops the fields that belonged to the old state."""
    kept = {key: value for key, value in part.items() if key not in _OF_STATE}
    named = {"type": "dynamic-tool", "toolName": name} if dynamic else {"type": f"tool-{name}"}
    changed = {**kept, **named, "toolCallId": chunk["toolCallId"], "state": state, **fields}
    for key in ("toolMetadata", "providerExecuted"):
        if key in chunk:
            changed[key] = chunk[key]
    if "providerMetadata" in chunk:
        whose = "resultProviderMetadata" if state in _ENDED else "callProviderMetadata"
        changed[whose] = chunk["providerMetadata"]
    return changed


def denied(part: Json, _chunk: Json) -> Json:
    return {**part, "state": "output-denied"}


def asked(part: Json, chunk: Json) -> Json:
    """A user must decide whether the tool may run."""
    approval: Json = {"id": chunk["approvalId"]}
    for key, name in _ASKED.items():
        value = chunk.get(name)
        if value is not None and value is not False:
            approval[key] = value
    if "inputSchemaInput" in chunk:
        approval["inputSchemaInput"] = chunk["inputSchemaInput"]
    return {**part, "state": "approval-requested", "approval": approval}


def decided(part: Json, chunk: Json) -> Json:
    approval = {**part["approval"], "approved": chunk["approved"]}
    if "reason" in chunk:
        approval["reason"] = chunk["reason"]
    changed = {**part, "state": "approval-responded", "approval": approval}
    if "providerExecuted" in chunk:
        changed["providerExecuted"] = chunk["providerExecuted"]
    if "providerMetadata" in chunk:
        changed["callProviderMetadata"] = chunk["providerMetadata"]
    return changed


def endings(tools: Iterable[Json], status: Status) -> list[Json]:
    """The chunks that end what is open when a message ends with that status.

    Without them, a closed message would show a running tool forever. If the answer ended by itself,
    a call without an output stays open: it may be for the client to run.
    """
    cut_short = status in ("stopped", "failed", "interrupted")
    # an id that appears again in a later step refers to the later call
    latest = {part["toolCallId"]: part for part in tools}
    chunks: list[Json] = []
    for call, part in latest.items():
        state = part.get("state")
        if state == "input-streaming":
            # as an output error: an input error would begin another part if the step is over
            chunks.append(_failed(call, _NO_INPUT))
        elif not cut_short:
            continue
        elif state == "approval-requested":
            chunks.append({"type": "tool-output-denied", "toolCallId": call})
        elif state in ("input-available", "approval-responded"):
            chunks.append(_failed(call, _NO_OUTPUT))
    return chunks


def _failed(call: str, text: str) -> Json:
    return {"type": "tool-output-error", "toolCallId": call, "errorText": text}
