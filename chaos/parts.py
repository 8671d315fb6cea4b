"""The parts of a message, grown by the rules of docs/protocol.md as far as chaos needs them.

Written only from that document, like the view.
"""

from collections.abc import Iterable
from typing import Any

Json = dict[str, Any]

_TEXTS = ("text", "reasoning")
_AS_THEY_COME = ("source-url", "source-document", "file", "reasoning-file", "custom")


class Parts:
    """Begins with the parts of a session."""

    def __init__(self, parts: Iterable[Json] = ()) -> None:
        self._list: list[Json] = []
        self._pieces: list[list[str]] = []
        for part in parts:
            self._add({**part}, part.get("text", ""))

    def apply(self, chunk: Json) -> None:
        kind: str = chunk["type"]
        name, _, step = kind.partition("-")
        if name in _TEXTS and step in ("start", "delta", "end"):
            if step == "start":
                self._add({"type": name}, "")
            elif step == "delta":
                last = next(p for p in reversed(self._places()) if self._list[p]["type"] in _TEXTS)
                self._pieces[last].append(chunk["delta"])
        elif kind in _AS_THEY_COME:
            self._add({**chunk}, "")
        elif kind == "start-step":
            self._add({"type": "step-start"}, "")
        elif kind.startswith("data-"):
            self._put_data(chunk)
        elif kind.startswith("tool-"):
            self._call(kind, chunk)

    def shown(self) -> list[Json]:
        return [
            comparable({**part, "text": "".join(pieces)} if part["type"] in _TEXTS else part)
            for part, pieces in zip(self._list, self._pieces, strict=True)
        ]

    @property
    def text(self) -> str:
        for at in self._places():
            if len(self._pieces[at]) > 1:
                self._pieces[at] = ["".join(self._pieces[at])]
        texts = (self._pieces[at] for at in self._places() if self._list[at]["type"] == "text")
        return "".join(piece for pieces in texts for piece in pieces)

    def _places(self) -> range:
        return range(len(self._list))

    def _add(self, part: Json, text: str) -> None:
        self._list.append(part)
        self._pieces.append([text])

    def _put_data(self, chunk: Json) -> None:
        if chunk.get("transient"):
            return
        for at, part in enumerate(self._list):
            if "id" in chunk and (part["type"], part.get("id")) == (chunk["type"], chunk["id"]):
                self._list[at] = {**chunk}
                return
        self._add({**chunk}, "")

    def _call(self, kind: str, chunk: Json) -> None:
        if kind == "tool-input-start":
            name = chunk["toolName"]
            dynamic = {"type": "dynamic-tool", "toolName": name}
            named = dynamic if chunk.get("dynamic") else {"type": f"tool-{name}"}
            call = {"toolCallId": chunk["toolCallId"], "state": "input-streaming"}
            self._add({**named, **call, "rawInput": ""}, "")
            return
        if kind == "tool-approval-response":
            self._decide(chunk)
            return
        found = (p for p in reversed(self._list) if p.get("toolCallId") == chunk["toolCallId"])
        part = next(found)
        if kind == "tool-approval-request":
            part |= {"state": "approval-requested", "approval": {"id": chunk["approvalId"]}}
        elif kind == "tool-input-delta":
            part["rawInput"] = part.get("rawInput", "") + chunk["inputTextDelta"]
        elif kind == "tool-output-denied":
            part["state"] = "output-denied"
        else:
            part["state"] = _STATES[kind]
            for name in ("input", "output", "errorText"):
                if name in chunk:
                    part[name] = chunk[name]
            if kind != "tool-output-error" or part["type"] == "dynamic-tool":
                part.pop("rawInput", None)

    def _decide(self, chunk: Json) -> None:
        decided = {name: chunk[name] for name in ("approved", "reason") if name in chunk}
        for part in self._list:
            if part.get("approval", {}).get("id") == chunk["approvalId"]:
                part |= {"state": "approval-responded", "approval": {**part["approval"], **decided}}


_STATES = {
    "tool-input-available": "input-available",
    "tool-output-available": "output-available",
    "tool-output-error": "output-error",
}


def comparable(part: Json) -> Json:
    """Without the state and id of texts, and without the parsed value of incomplete inputs."""
    left_out = {"state", "id"} if part["type"] in _TEXTS else set()
    if part.get("state") in ("input-streaming", "output-error"):
        left_out |= {"input", "rawInput"}
    return {name: value for name, value in part.items() if name not in left_out}


def begins(whole: list[Json], parts: list[Json]) -> bool:
    """Whether an answer that ended early is a beginning of the complete one."""
    if len(parts) > len(whole):
        return False
    for at, (wanted, part) in enumerate(zip(whole, parts, strict=False)):
        if wanted == part:
            continue
        if wanted["type"] != part["type"]:
            return False
        if part["type"].startswith("data-"):
            # it is replaced later
            continue
        if at < len(parts) - 1:
            return False
        if part["type"] in _TEXTS:
            return bool(wanted["text"].startswith(part["text"]))
        return wanted.get("toolCallId") == part.get("toolCallId")
    return True
