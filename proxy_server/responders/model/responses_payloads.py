"""One event of OpenAI's Responses API, or a whole response, read leniently."""

from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from proxy_server.errors import ResponderFailed
from proxy_server.protocol.messages import Usage
from proxy_server.responders.model.payloads import gave_up, provider_error, usage_of

TEXT_TYPES = ("response.output_text.delta", "response.refusal.delta")
REASONING_TYPES = (
    "response.reasoning_summary_text.delta",
    "response.reasoning_text.delta",
    "response.reasoning_summary.delta",
    "response.reasoning.delta",
)
_ENDS = {
    "response.completed": "completed",
    "response.done": "completed",
    "response.incomplete": "incomplete",
    "response.failed": "failed",
    "response.cancelled": "cancelled",
}
_FAILED = ("failed", "cancelled", "error")


class Delta(Struct, gc=False):
    """The shape of nearly all events; the lenient reader takes every other kind."""

    type: str
    delta: str
    error: None = None


delta_decoder = msgspec.json.Decoder(Delta)
deltas_decoder = msgspec.json.Decoder(list[Delta])


class Source(NamedTuple):
    """A page that the answer cites."""

    url: str
    title: str


class Response(NamedTuple):
    """A response at its end; the reason is None if it has none."""

    text: str
    reasoning: str
    sources: list[Source]
    reason: str | None
    usage: Usage | None
    failure: ResponderFailed | None


def end_of(found: dict[str, Any], kind: str) -> Response | None:
    """The response in a closing event, or in the whole body; None for other events."""
    response = found.get("response", found if found.get("object") == "response" else None)
    status = _ENDS.get(kind)
    if status is None and found is not response:
        return None
    known = response if isinstance(response, dict) else {}
    own = known.get("status")
    status = own if isinstance(own, str) and own in {*_ENDS.values(), *_FAILED} else status
    texts, thoughts, sources = _output(known.get("output"))
    reason = _reason(known, status)
    failure = None
    if status in _FAILED or known.get("error") or (reason and gave_up(reason)):
        failure = provider_error(known.get("error") or {"status": reason or status})
    return Response(texts, thoughts, sources, reason, usage_of(known.get("usage")), failure)


def error_of(found: dict[str, Any], kind: str) -> ResponderFailed | None:
    """The error in an event, or the event itself if it is one."""
    error = found.get("error")
    if error:
        return provider_error(error)
    return provider_error(found) if kind == "error" or kind.endswith(".error") else None


def source_of(annotation: object) -> Source | None:
    """A citation of a page: an address that a browser may open, and its title."""
    if not isinstance(annotation, dict):
        return None
    inner = annotation.get("url_citation")
    found = inner if isinstance(inner, dict) else annotation
    url, title = found.get("url"), found.get("title")
    if not isinstance(url, str) or not _is_web(url):
        return None
    return Source(url, title if isinstance(title, str) else "")


def _is_web(url: str) -> bool:
    try:
        return urlsplit(url).scheme in ("http", "https")
    except ValueError:
        return False


def _reason(response: dict[str, Any], status: str | None) -> str | None:
    if status == "completed":
        return "stop"
    if status == "incomplete":
        details = response.get("incomplete_details")
        reason = details.get("reason") if isinstance(details, dict) else None
        return reason if isinstance(reason, str) and reason else "incomplete"
    return status if status in _FAILED else None


def _output(output: object) -> tuple[str, str, list[Source]]:
    """All text, reasoning and sources of a response's items."""
    texts, thoughts, sources = [], [], []
    for item in _objects(output):
        parts = [*_objects(item.get("content"))]
        if item.get("type") == "reasoning":
            parts = [*_objects(item.get("summary"))] or parts
            thoughts += [part["text"] for part in parts if isinstance(part.get("text"), str)]
        elif item.get("type", "message") == "message":
            said = [part.get("text") or part.get("refusal") for part in parts]
            texts.append("".join(one for one in said if isinstance(one, str)))
            cited = [one for part in parts for one in _objects(part.get("annotations"))]
            sources += [found for one in cited if (found := source_of(one))]
    return "\n\n".join(filter(None, texts)), "\n\n".join(thoughts), sources


def _objects(found: object) -> Iterator[dict[str, Any]]:
    if isinstance(found, list):
        yield from (one for one in found if isinstance(one, dict))
