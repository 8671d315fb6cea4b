"""What the events of all formats share: JSON, finish reasons, counts, errors.

Bookkeeping (usage, ids, reasons) that cannot be understood is ignored.
"""

import json
from typing import Any

from proxy_server.errors import ResponderFailed
from proxy_server.protocol.events import FinishReason
from proxy_server.protocol.messages import Usage
from proxy_server.responders.model.failures import BROKEN_OFF, NO_SENSE, codes

# Parts of finish reasons that mean failure: each server has its own words for it.
_GAVE_UP = (
    *("abort", "cancel", "crash", "disconnect", "error", "evict", "exception", "exhaust", "fail"),
    *("insufficient", "interrupt", "kill", "malformed", "overload", "preempt", "timeout"),
    *("time_out", "unavailable", "unexpected"),
)
_REASONS: dict[str, FinishReason] = {
    **dict.fromkeys(
        ("stop", "eos", "eos_token", "end", "end_turn", "stop_sequence", "complete", "completed"),
        "stop",
    ),
    **dict.fromkeys(
        ("length", "max_tokens", "max_output_tokens", "max_length", "model_length"), "length"
    ),
    **dict.fromkeys(
        (
            *("content_filter", "content-filter", "safety", "recitation", "blocklist"),
            *("prohibited_content", "spii", "sensitive", "refusal"),
        ),
        "content-filter",
    ),
    **dict.fromkeys(("tool_calls", "tool-calls", "function_call", "tool_use"), "tool-calls"),
}


def decoded(payload: bytes) -> tuple[Any, bool]:
    """The decoded event, and whether its text has stray bytes as surrogates.

    None for a sign of life. Raises ResponderFailed for JSON that is cut off or garbled: it may have
    held text.
    """
    try:
        text, stray = payload.decode(), False
    except UnicodeDecodeError:
        text, stray = payload.decode("utf-8", "surrogateescape"), True
    try:
        return json.loads(text, strict=False), stray
    except (ValueError, RecursionError) as error:
        if payload[:1] in (b"{", b"["):
            details = f"{type(error).__name__} in an event of {len(payload)} bytes"
            raise ResponderFailed("malformed", NO_SENSE, details) from error
        return None, stray


def decoded_object(payload: bytes) -> tuple[dict[str, Any], bool]:
    """The same for an event that is an object; any other gives an empty one."""
    found, stray = decoded(payload)
    return (found if isinstance(found, dict) else {}), stray


def gave_up(reason: str) -> bool:
    """Whether a finish reason means that the answer is incomplete."""
    lower = reason.lower()
    return any(word in lower for word in _GAVE_UP)


def finish_reason(reason: str | None) -> FinishReason:
    """Maps a provider's finish reason to ours."""
    return _REASONS.get((reason or "").lower(), "other")


def provider_error(error: object) -> ResponderFailed:
    """An error that came instead of the rest of an answer."""
    return ResponderFailed("provider_error", BROKEN_OFF, codes(error))


def usage_of(found: object) -> Usage | None:
    """Token counts, under any API's names; None if there are none."""
    if not isinstance(found, dict):
        return None
    given = count(found, "prompt_tokens", "input_tokens")
    made = count(found, "completion_tokens", "output_tokens")
    if not given and not made:
        return None
    of_output = found.get("completion_tokens_details") or found.get("output_tokens_details")
    of_input = found.get("prompt_tokens_details") or found.get("input_tokens_details")
    return Usage(
        input_tokens=given,
        output_tokens=made,
        reasoning_tokens=count(of_output, "reasoning_tokens") or count(found, "reasoning_tokens"),
        cached_input_tokens=count(of_input, "cached_tokens")
        or count(found, "prompt_cache_hit_tokens", "cached_tokens"),
    )


def count(found: object, *names: str) -> int:
    """The first of these fields that is a count, or 0."""
    if not isinstance(found, dict):
        return 0
    return next((number for name in names if (number := number_of(found.get(name)))), 0)


def number_of(value: object) -> int:
    """A count given as a number or as text; 0 for anything else."""
    if isinstance(value, bool):
        return 0
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return 0
    if isinstance(value, int | float) and 0 < value < 1e15:
        return int(value)
    return 0
