"""Turns the stream of a LangGraph run into chunks of the AI SDK."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from pydantic_core import to_jsonable_python

from proxy_server.protocol.messages import Usage, added
from proxy_server.responders.python.decisions import Decision

_Chunk = str | dict[str, Any]

_FINISHES = {"length": "length", "max_tokens": "length", "content_filter": "content-filter"}


class Chunks:
    """Reads the parts of one run's stream, in order.

    published: ids of calls published before; nodes may return the whole conversation.
    decisions: the decisions with which this answer goes on.
    calls: tool calls without an output, by id, with their input as far as known.
    usage: of all models that were asked.
    interrupted: whether the graph waits for a decision.
    """

    def __init__(self, published: Iterable[str] = (), decisions: Iterable[Decision] = ()) -> None:
        self._published = frozenset(published)
        self._decided = {one.tool_call_id: one.approved for one in decisions}
        self.calls: dict[str, str] = dict.fromkeys(self._decided, "")
        self.interrupted = False
        self.usage: Usage | None = None
        self.finish = "stop"
        self._announced: set[str] = set()
        self._open: dict[tuple[str, str], None] = {}
        # later pieces of a call's input carry no id, only an index that is unique in one message
        self._growing: dict[tuple[str, Any], str] = {}
        self._names: dict[str, str] = {}

    def of(self, kind: str, data: Any) -> Iterator[_Chunk]:
        if kind == "messages":
            yield from self._message(data[0])
        elif kind == "updates":
            self.interrupted = self.interrupted or "__interrupt__" in data
            for message in _messages_in(data):
                if isinstance(message, AIMessage):
                    yield from self._whole_calls(message)
        elif kind == "custom":
            yield _custom(data)

    def end(self) -> Iterator[_Chunk]:
        yield from self._close("")
        yield {"type": "finish", "finishReason": self.finish}

    def _message(self, message: BaseMessage) -> Iterator[_Chunk]:
        if isinstance(message, ToolMessage):
            yield from self._output(message)
        elif isinstance(message, AIMessage):
            yield from self._said(message)
            yield from self._growing_calls(message)
            self._note(message)
            if getattr(message, "chunk_position", "last") == "last":
                yield from self._whole_calls(message)
                yield from self._close(str(message.id))

    def _said(self, message: AIMessage) -> Iterator[_Chunk]:
        thought = message.additional_kwargs.get("reasoning_content")
        if isinstance(thought, str) and thought:
            yield from self._grow("reasoning", str(message.id), thought)
        if isinstance(message.content, str):
            if message.content:
                yield from self._grow("text", str(message.id), message.content)
            return
        for block in message.content:
            if isinstance(block, str):
                yield from self._grow("text", str(message.id), block)
            elif block.get("type") == "text" and block.get("text"):
                yield from self._grow("text", str(message.id), str(block["text"]))
            elif more := block.get("reasoning") or block.get("thinking"):
                yield from self._grow("reasoning", str(message.id), str(more))

    def _grow(self, kind: str, key: str, delta: str) -> Iterator[_Chunk]:
        if (key, kind) not in self._open:
            self._open[key, kind] = None
            yield {"type": f"{kind}-start", "id": f"{key}-{kind}"}
        yield {"type": f"{kind}-delta", "id": f"{key}-{kind}", "delta": delta}

    def _close(self, key: str) -> Iterator[_Chunk]:
        """Ends the texts of one message, or all."""
        for owner, kind in list(self._open):
            if not key or owner == key:
                del self._open[owner, kind]
                yield {"type": f"{kind}-end", "id": f"{owner}-{kind}"}

    def _growing_calls(self, message: AIMessage) -> Iterator[_Chunk]:
        for piece in getattr(message, "tool_call_chunks", ()):
            place = (str(message.id), piece.get("index"))
            if piece.get("id") and piece.get("name"):
                self._growing[place] = piece["id"]
                yield from self._begin(piece["id"], piece["name"])
            call_id = self._growing.get(place)
            if call_id in self.calls and piece.get("args"):
                self.calls[call_id] += piece["args"]
                delta = {"toolCallId": call_id, "inputTextDelta": piece["args"]}
                yield {"type": "tool-input-delta", **delta}

    def _begin(self, call_id: str, name: str) -> Iterator[_Chunk]:
        if call_id not in self._names and call_id not in self._published:
            self._names[call_id] = name
            self.calls[call_id] = ""
            yield {"type": "tool-input-start", "toolCallId": call_id, "toolName": name}

    def _whole_calls(self, message: AIMessage) -> Iterator[_Chunk]:
        """Yields the calls whose input is complete."""
        for call in message.tool_calls:
            if call["id"] and call["name"] and not hasattr(message, "tool_call_chunks"):
                yield from self._begin(call["id"], call["name"])
                yield from self._announce(call["id"], call["args"])
        for place, call_id in list(self._growing.items()):
            if place[0] == str(message.id):
                del self._growing[place]
                yield from self._announce(call_id, _read(self.calls.get(call_id, "")))

    def _announce(self, call_id: str, given: Any) -> Iterator[_Chunk]:
        if call_id in self._names and call_id not in self._announced:
            self._announced.add(call_id)
            at = {"toolCallId": call_id, "toolName": self._names[call_id]}
            yield {"type": "tool-input-available", **at, "input": given}

    def _output(self, message: ToolMessage) -> Iterator[_Chunk]:
        call_id = message.tool_call_id
        if self.calls.pop(call_id, None) is None:
            return
        if self._decided.get(call_id) is False:
            yield {"type": "tool-output-denied", "toolCallId": call_id}
        elif message.status == "error":
            error = {"errorText": str(message.text)}
            yield {"type": "tool-output-error", "toolCallId": call_id, **error}
        else:
            output = to_jsonable_python(message.content, fallback=str)
            yield {"type": "tool-output-available", "toolCallId": call_id, "output": output}

    def _note(self, message: AIMessage) -> None:
        reason = message.response_metadata.get("finish_reason")
        if isinstance(reason, str):
            self.finish = _FINISHES.get(reason, "stop")
        if (cost := message.usage_metadata) is not None:
            of_input = cost.get("input_token_details") or {}
            of_output = cost.get("output_token_details") or {}
            now = Usage(
                cost["input_tokens"],
                cost["output_tokens"],
                of_output.get("reasoning", 0) or 0,
                of_input.get("cache_read", 0) or 0,
            )
            self.usage = added(self.usage, now)


def _read(arguments: str) -> Any:
    try:
        return json.loads(arguments or "{}")
    except ValueError:
        return arguments


def _custom(data: Any) -> _Chunk:
    """What a node writes with `get_stream_writer`: a chunk, text, or data of its own."""
    if isinstance(data, str):
        return data
    found = to_jsonable_python(data, fallback=str)
    if isinstance(found, dict) and isinstance(found.get("type"), str):
        return found
    return {"type": "data-custom", "data": found}


def _messages_in(update: Any) -> Iterable[BaseMessage]:
    """The messages that nodes returned, anywhere in their states."""
    if isinstance(update, BaseMessage):
        yield update
    elif isinstance(update, Mapping):
        for value in update.values():
            yield from _messages_in(value)
    elif isinstance(update, list):
        for value in update:
            yield from _messages_in(value)
