"""One event of a chat completion: read strictly on the fast path, otherwise leniently."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from proxy_server.errors import ResponderFailed
from proxy_server.protocol.events import Reasoning, Text
from proxy_server.protocol.messages import Usage
from proxy_server.responders.model.failures import BROKEN_OFF
from proxy_server.responders.model.payloads import (
    decoded,
    gave_up,
    number_of,
    provider_error,
    usage_of,
)

_FIRST_ERROR_STATUS = 400
_TEXT_KEYS = ("text", "value", "content", "output_text", "refusal")
_REASONING_KEYS = ("reasoning_content", "reasoning", "thinking", "reasoning_text", "thought")
_REASONING_LISTS = ("reasoning_details", "thinking_blocks")


class Event(NamedTuple):
    """The content of one event.

    failure: why the answer ends here, or why it is incomplete.
    """

    said: list[Text | Reasoning]
    reason: str | None = None
    usage: Usage | None = None
    failure: ResponderFailed | None = None
    whole: bool = False
    """Whether it is a whole completion rather than a delta."""


class Delta(Struct, gc=False):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    # events with this field are for the lenient reader
    thinking: None = None
    thinking_blocks: None = None
    reasoning_details: None = None
    reasoning_text: None = None
    thought: None = None
    error: None = None
    finish_reason: None = None


class Choice(Struct, gc=False):
    delta: Delta | None = None
    finish_reason: str | None = None
    index: int = 0
    error: None = None
    message: None = None
    usage: None = None
    native_finish_reason: str | None = None


class Chunk(Struct, gc=False):
    choices: list[Choice]
    usage: Any = None
    error: None = None
    errors: None = None
    finish_reason: None = None
    x_groq: None = None


chunk_decoder = msgspec.json.Decoder(Chunk)
chunks_decoder = msgspec.json.Decoder(list[Chunk])


def read_leniently(payload: bytes, event: str) -> tuple[Event, bool]:
    """Reads an event of any shape; also returns whether its text has stray bytes as surrogates.

    Raises ResponderFailed for an object that is cut off or garbled: it may have held text.
    """
    found, stray = decoded(payload)
    if isinstance(found, list) and len(found) == 1:
        found = found[0]
    if not isinstance(found, dict):
        return _word(event), stray
    return _object(found, event), stray


def _word(event: str) -> Event:
    """An event that is not an object: a sign of life, unless its type says otherwise."""
    if event == "error":
        return Event([], failure=ResponderFailed("provider_error", BROKEN_OFF, "an error event"))
    return Event([])


def _object(found: dict[str, Any], event: str) -> Event:
    choice = _first_choice(found.get("choices"))
    message, whole = choice.get("delta"), False
    if message is None and choice.get("message") is not None:
        message, whole = choice["message"], True
    whole = whole or ("choices" not in found and found.get("done") is True)
    if isinstance(message, str | list):
        message = {"content": message}
    if not isinstance(message, dict):
        message = {"content": choice["text"]} if "text" in choice else {}
    said = [*_reasoning(message), *_text(message)]
    reason = _reason(choice, message, found)
    groq = found.get("x_groq")
    usage = (
        usage_of(found.get("usage"))
        or usage_of(choice.get("usage"))
        or usage_of(groq.get("usage") if isinstance(groq, dict) else None)
    )
    return Event(said, reason, usage, _failure(found, choice, message, event), whole)


def _first_choice(choices: object) -> dict[str, Any]:
    """Only the first choice counts, whatever else was made; empty if there is none."""
    if isinstance(choices, dict):
        choices = (
            [choices] if {"delta", "message", "text"} & choices.keys() else [*choices.values()]
        )
    if not isinstance(choices, list):
        return {}
    for choice in choices:
        if isinstance(choice, dict) and not number_of(choice.get("index")):
            return choice
    return {}


def _reason(choice: dict[str, Any], message: dict[str, Any], found: dict[str, Any]) -> str | None:
    """The finish reason, from any of its places; one that means failure takes precedence."""
    reasons = [
        place.get(name)
        for place in (choice, message, found)
        for name in ("finish_reason", "native_finish_reason")
    ]
    said = [reason for reason in reasons if isinstance(reason, str) and reason.strip()]
    failing = [reason for reason in said if gave_up(reason)]
    if failing:
        return failing[0]
    own = choice.get("finish_reason") or message.get("finish_reason") or found.get("finish_reason")
    return own.strip() or None if isinstance(own, str) else None


def _failure(
    found: dict[str, Any], choice: dict[str, Any], message: dict[str, Any], event: str
) -> ResponderFailed | None:
    """The error in an event, in any of the places and shapes that servers use."""
    for place in (found, choice, message):
        for name in ("error", "errors", "error_message", "error_msg", "error_code"):
            if _means_something(place.get(name)):
                return provider_error(place[name] if name in ("error", "errors") else place)
    base = found.get("base_resp")
    if isinstance(base, dict) and number_of(base.get("status_code")):
        return provider_error({"code": base["status_code"]})
    is_error = event == "error" or "error" in (found.get("object"), found.get("type"))
    return provider_error(found) if is_error or _is_bare_error(found) else None


def _is_bare_error(found: dict[str, Any]) -> bool:
    """Whether the object is itself an error meant for developers, without choices."""
    if "choices" in found:
        return False
    words = [found.get(name) for name in ("message", "msg", "detail")]
    return any(
        _means_something(said) and not (said is words[0] and isinstance(said, dict))
        for said in words
    ) or any(number_of(found.get(name)) >= _FIRST_ERROR_STATUS for name in ("code", "status"))


def _means_something(error: object) -> bool:
    """Whether an error is real: `{}`, `""`, `null`, `0`, or an object of such values is not."""
    if isinstance(error, dict):
        return any(map(_means_something, error.values()))
    if isinstance(error, list):
        return any(map(_means_something, error))
    return bool(error) and error != "0"


def _text(message: dict[str, Any]) -> Iterator[Text | Reasoning]:
    content = message.get("content")
    if content in (None, "", []):
        content = message.get("refusal")
    for kind, text in _pieces(content):
        if text:
            yield Reasoning(text) if kind == "reasoning" else Text(text)


def _reasoning(message: dict[str, Any]) -> Iterator[Reasoning]:
    """Reasoning from the first field that has any: several fields may repeat it."""
    for name in (*_REASONING_KEYS, *_REASONING_LISTS):
        texts = [text for _, text in _pieces(message.get(name)) if text]
        if texts:
            yield Reasoning("".join(texts))
            return


def _pieces(content: object) -> Iterator[tuple[str, str]]:
    """The kind and text of each piece in content of any shape."""
    if isinstance(content, str):
        yield "text", content
    elif isinstance(content, bool):
        return
    elif isinstance(content, int | float):
        yield "text", str(content)
    elif isinstance(content, list):
        for part in content:
            yield from _pieces(part)
    elif isinstance(content, dict):
        yield from _part(content)


def _part(part: dict[str, Any]) -> Iterator[tuple[str, str]]:
    kind = str(part.get("type") or "")
    if (
        "thinking" in kind
        or "reasoning" in kind
        or "thought" in kind
        or part.get("thought") is True
    ):
        for name in ("thinking", "reasoning", "summary", *_TEXT_KEYS):
            if part.get(name):
                yield from (("reasoning", text) for _, text in _pieces(part[name]))
                return
        return
    for name in (*_TEXT_KEYS, "summary"):
        if part.get(name):
            yield from _pieces(part[name])
            return
