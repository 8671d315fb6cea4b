"""Reduces chunks to the parts of a message, as the AI SDK's `readUIMessageStream` does.

Chunks were validated before, for instance that an id is known. That is not checked again: a chunk
that fits nothing changes nothing.
"""

from collections.abc import Callable, Iterable, Mapping

import msgspec
from msgspec import Raw

from proxy_server.protocol import tool_parts
from proxy_server.protocol.encoding import encode
from proxy_server.protocol.messages import Part, ReasoningPart, TextPart
from proxy_server.protocol.partial_json import NOTHING, PartialJson
from proxy_server.protocol.shapes import Json, is_data

TextLike = TextPart | ReasoningPart
TextKind = type[TextPart] | type[ReasoningPart]

_KINDS: dict[str, TextKind] = {"text": TextPart, "reasoning": ReasoningPart}
_APPENDED = {
    "source-url": ("sourceId", "url", "title", "providerMetadata"),
    "source-document": ("sourceId", "mediaType", "title", "filename", "providerMetadata"),
    "file": ("mediaType", "url", "providerMetadata"),
    "reasoning-file": ("mediaType", "url", "providerMetadata"),
    "custom": ("kind", "providerMetadata"),
    "steering-message": ("id", "parts"),
}
"""Chunks that become parts as they are, and the fields of those parts."""


class Reduction:
    """The parts so far. Parts that are JSON are replaced, never changed.

    Text grows in the last text or reasoning part; while it does, only tools may follow that part.
    """

    def __init__(self, parts: Iterable[Part] = ()) -> None:
        self._load(
            msgspec.structs.replace(part)
            if isinstance(part, TextLike)
            else msgspec.json.decode(encode(part))
            for part in parts
        )

    def _load(self, parts: Iterable[TextLike | Json]) -> None:
        self._parts: list[TextLike | Json] = []
        self._text = -1
        self._run: list[str] = []
        self._step = 0
        self._tools: dict[tuple[bool, str], int] = {}
        self._inputs: dict[int, PartialJson] = {}
        self._data: dict[tuple[str, str], int] = {}
        for part in parts:
            if isinstance(part, dict) and part.get("state") == "input-streaming":
                begun = {key: part[key] for key in part if key not in ("input", "rawInput")}
                self._inputs[len(self._parts)] = PartialJson(part.get("rawInput", ""))
                part = begun
            self._append(part)

    def say(self, kind: TextKind, text: str) -> None:
        """Adds to the growing text."""
        if self._text < 0 or not isinstance(self._parts[self._text], kind):
            self._append(kind("", "streaming"))
        self._run.append(text)

    def apply(self, chunk: Json) -> None:
        kind = chunk["type"]
        if is_data(kind):
            self._put_data(chunk)
        elif (row := _TABLE.get(kind)) is not None:
            row(self, chunk)

    def parts(self) -> list[Part]:
        return [
            self._as_said(index, part)
            if isinstance(part, TextLike)
            else Raw(encode(self._with_input(index)))
            for index, part in enumerate(self._parts)
        ]

    def tools(self) -> list[Json]:
        """The tool parts as shown to clients."""
        return [
            self._with_input(index)
            for index, part in enumerate(self._parts)
            if isinstance(part, dict) and tool_parts.is_tool(part)
        ]

    def size(self) -> int:
        """Characters of text and reasoning."""
        texts = (part for part in self._parts if isinstance(part, TextLike))
        last = self._parts[self._text] if self._text >= 0 else None
        settled = sum(len(part.text) for part in texts if part is not last)
        return settled + sum(map(len, self._run))

    def _as_said(self, index: int, part: TextLike) -> TextLike:
        return msgspec.structs.replace(
            part, text=self._said() if index == self._text else part.text
        )

    def _said(self) -> str:
        if len(self._run) != 1:
            self._run = ["".join(self._run)]
        return self._run[0]

    def _with_input(self, index: int) -> Json:
        """A JSON part. Growing inputs are parsed only when read."""
        part = self._parts[index]
        partial = self._inputs.get(index)
        if isinstance(part, TextLike):
            raise TypeError("a text has no input")
        if partial is None or not partial.text:
            return part
        value = partial.text if part.get("inputEncoding") == "text" else partial.value()
        shown = {**part, "rawInput": partial.text}
        return shown if value is NOTHING else {**shown, "input": value}

    def _append(self, part: TextLike | Json) -> None:
        index = len(self._parts)
        self._parts.append(part)
        if isinstance(part, TextLike):
            self._settle()
            self._text, self._run = index, [part.text]
        elif part["type"] == "step-start":
            self._step = index + 1
            self._tools.clear()
        elif tool_parts.is_tool(part):
            self._tools.setdefault((tool_parts.is_dynamic(part), part["toolCallId"]), index)
        elif is_data(part["type"]) and "id" in part:
            self._data.setdefault((part["type"], part["id"]), index)

    def _settle(self) -> None:
        """Stores the text in its part, which grows no more."""
        part = self._parts[self._text] if self._text >= 0 else None
        if isinstance(part, TextLike):
            self._parts[self._text] = msgspec.structs.replace(part, text=self._said(), state=None)

    def _put(self, chunk: Json) -> None:
        fields = ("type", *_APPENDED[chunk["type"]])
        self._append({name: chunk[name] for name in fields if name in chunk})

    def _put_data(self, chunk: Json) -> None:
        if chunk.get("transient"):
            return
        part: Json = {name: chunk[name] for name in ("type", "id", "data") if name in chunk}
        index = self._data.get((chunk["type"], chunk["id"])) if "id" in chunk else None
        if index is None:
            self._append(part)
        else:
            self._parts[index] = part

    def _start_step(self, _chunk: Json) -> None:
        self._append({"type": "step-start"})

    def _reset_step(self, _chunk: Json) -> None:
        """Removes what came since the step began: it is about to be sent again."""
        self._settle()
        kept = [
            self._with_input(index) if isinstance(part, dict) else part
            for index, part in enumerate(self._parts[: self._step])
        ]
        self._load(kept)

    def _start_text(self, chunk: Json) -> None:
        kind = _KINDS[chunk["type"].partition("-")[0]]
        self._append(kind("", "streaming", chunk.get("providerMetadata")))

    def _change_text(self, chunk: Json) -> None:
        """Adds to a text, or ends it."""
        kind, _, step = chunk["type"].partition("-")
        if step == "delta":
            self.say(_KINDS[kind], chunk["delta"])
        part = self._parts[self._text] if self._text >= 0 else None
        if not isinstance(part, TextLike):
            return
        part = msgspec.structs.replace(part, state="streaming" if step == "delta" else None)
        if "providerMetadata" in chunk:
            part.provider_metadata = chunk["providerMetadata"]
        if "citations" in chunk and isinstance(part, TextPart):
            part.citations = chunk["citations"]
        self._parts[self._text] = part

    def _in_step(self, call: str) -> int | None:
        found = (self._tools.get((dynamic, call)) for dynamic in (False, True))
        return min((index for index in found if index is not None), default=None)

    def _find(self, call: str) -> int | None:
        """The tool part of that call: in this step, or else the last one anywhere."""
        if (index := self._in_step(call)) is not None:
            return index
        for index in range(len(self._parts) - 1, -1, -1):
            part = self._parts[index]
            if isinstance(part, dict) and part.get("toolCallId") == call:
                return index
        return None

    def _call(self, chunk: Json) -> None:
        kind, call = chunk["type"], chunk["toolCallId"]
        if kind == "tool-input-error":
            index = self._in_step(call)
        else:
            index = self._tools.get((bool(chunk.get("dynamic")), call))
        if index is None:
            index = len(self._parts)
            self._append(tool_parts.called(None, chunk))
        else:
            self._change(index, tool_parts.called, chunk)
        if kind == "tool-input-start":
            self._inputs[index] = PartialJson()

    def _grow_input(self, chunk: Json) -> None:
        index = self._in_step(chunk["toolCallId"])
        if index is not None and index in self._inputs:
            self._inputs[index].feed(chunk["inputTextDelta"])

    def _answer(self, chunk: Json) -> None:
        if (index := self._find(chunk["toolCallId"])) is not None:
            self._change(index, _OF_A_CALL[chunk["type"]], chunk)

    def _decide(self, chunk: Json) -> None:
        for index, part in enumerate(self._parts):
            approval = part.get("approval") if isinstance(part, dict) else None
            if approval is not None and approval["id"] == chunk["approvalId"]:
                self._change(index, tool_parts.decided, chunk)
                return

    def _change(self, index: int, change: Callable[[Json, Json], Json], chunk: Json) -> None:
        self._parts[index] = change(self._with_input(index), chunk)
        self._inputs.pop(index, None)


_OF_A_CALL = {
    "tool-output-available": tool_parts.ended,
    "tool-output-error": tool_parts.ended,
    "tool-output-denied": tool_parts.denied,
    "tool-approval-request": tool_parts.asked,
}
_TABLE: Mapping[str, Callable[[Reduction, Json], None]] = {
    **dict.fromkeys(_APPENDED, Reduction._put),
    **dict.fromkeys(("text-start", "reasoning-start"), Reduction._start_text),
    **dict.fromkeys(
        ("text-delta", "text-end", "reasoning-delta", "reasoning-end"), Reduction._change_text
    ),
    **dict.fromkeys(
        ("tool-input-start", "tool-input-available", "tool-input-error"), Reduction._call
    ),
    **dict.fromkeys(_OF_A_CALL, Reduction._answer),
    "tool-input-delta": Reduction._grow_input,
    "tool-approval-response": Reduction._decide,
    "start-step": Reduction._start_step,
    "reset-step": Reduction._reset_step,
}
