"""Turns a run of the OpenAI Agents SDK into chunks of the AI SDK."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from agents.stream_events import AgentUpdatedStreamEvent, RawResponsesStreamEvent, StreamEvent
from pydantic_core import to_jsonable_python

from proxy_server.protocol.events import Reasoning
from proxy_server.responders.python.decisions import Decision

_Chunk = str | Reasoning | dict[str, Any]

_TEXT = ("response.output_text.delta", "response.refusal.delta")
_REASONING = ("response.reasoning_summary_text.delta", "response.reasoning_text.delta")
_FINISHES = {"max_output_tokens": "length", "content_filter": "content-filter"}
_BY_US = "function_call"


class Chunks:
    """Reads the events of one run, in order.

    published: ids of calls published before.
    decisions: the decisions with which this answer goes on.
    """

    def __init__(self, published: Iterable[str] = (), decisions: Iterable[Decision] = ()) -> None:
        self._denied = {one.tool_call_id for one in decisions if one.approved is False}
        self._calls: dict[int, str] = {}
        """The calls of the current response, by index."""
        self._announced = set(published)
        self._in_step = False
        self._finish = "stop"

    def of(self, event: StreamEvent) -> Iterator[_Chunk]:
        if isinstance(event, AgentUpdatedStreamEvent):
            return
        if isinstance(event, RawResponsesStreamEvent):
            yield from self._raw(event.data)
        elif event.name == "tool_called":
            yield from self._called(event.item.raw_item)
        elif event.name in ("tool_output", "handoff_occured"):
            yield self._output(event.item)

    def end(self) -> Iterator[_Chunk]:
        if self._in_step:
            yield {"type": "finish-step"}
        yield {"type": "finish", "finishReason": self._finish}

    def _raw(self, event: Any) -> Iterator[_Chunk]:
        kind: str = event.type
        if kind in _TEXT:
            yield event.delta
        elif kind in _REASONING:
            yield Reasoning(event.delta)
        elif kind == "response.function_call_arguments.delta":
            if call_id := self._calls.get(event.output_index):
                delta = {"toolCallId": call_id, "inputTextDelta": event.delta}
                yield {"type": "tool-input-delta", **delta}
        elif kind == "response.output_item.added" and event.item.type == _BY_US:
            self._calls[event.output_index] = event.item.call_id
            named = {"toolCallId": event.item.call_id, "toolName": event.item.name}
            yield {"type": "tool-input-start", **named}
        elif kind == "response.output_item.done" and event.item.type == _BY_US:
            yield from self._called(event.item)
        elif kind == "response.output_text.annotation.added":
            yield from _source(to_jsonable_python(event.annotation))
        elif kind == "response.created":
            yield from self._step()
        elif kind in ("response.completed", "response.incomplete"):
            details = event.response.incomplete_details
            reason = details.reason if details is not None else None
            self._finish = _FINISHES.get(reason, "other") if reason else "stop"

    def _step(self) -> Iterator[_Chunk]:
        self._calls.clear()
        if self._in_step:
            yield {"type": "finish-step"}
        self._in_step = True
        yield {"type": "start-step"}

    def _called(self, item: Any) -> Iterator[_Chunk]:
        """A call with its complete input: of a function, or of a tool that the provider runs."""
        found: dict[str, Any] = to_jsonable_python(item)
        call_id = str(found.get("call_id") or found.get("id"))
        if call_id in self._announced:
            return
        self._announced.add(call_id)
        if found.get("type") == _BY_US:
            yield _input(call_id, str(found["name"]), str(found["arguments"]))
            return
        name = str(found.get("type", "tool")).removesuffix("_call")
        at = {"toolCallId": call_id, "providerExecuted": True}
        yield {"type": "tool-input-available", **at, "toolName": name, "input": found}
        yield {"type": "tool-output-available", **at, "output": {"status": found.get("status")}}

    def _output(self, item: Any) -> dict[str, Any]:
        raw: Mapping[str, Any] = to_jsonable_python(item.raw_item)
        call_id = str(raw.get("call_id") or raw.get("id"))
        if call_id in self._denied:
            return {"type": "tool-output-denied", "toolCallId": call_id}
        output = to_jsonable_python(getattr(item, "output", raw.get("output")), fallback=str)
        return {"type": "tool-output-available", "toolCallId": call_id, "output": output}


def _input(call_id: str, name: str, arguments: str) -> dict[str, Any]:
    at = {"toolCallId": call_id, "toolName": name}
    try:
        given = json.loads(arguments or "{}")
    except ValueError:
        error = {"input": arguments, "errorText": "The model gave input that is no JSON."}
        return {"type": "tool-input-error", **at, **error}
    return {"type": "tool-input-available", **at, "input": given}


def _source(annotation: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if annotation.get("type") == "url_citation":
        url = str(annotation["url"])
        title = {"title": annotation["title"]} if annotation.get("title") else {}
        yield {"type": "source-url", "sourceId": url, "url": url, **title}
