"""Turns what a generator yields into events: text, reasoning, usage, and AI SDK chunks."""

from collections.abc import Mapping
from typing import Any

import msgspec
from pydantic import BaseModel

from proxy_server.errors import ResponderFailed
from proxy_server.protocol.events import Event, FinishReason, Given, Piece, Reasoning, Text, Title
from proxy_server.protocol.messages import Usage
from proxy_server.responders.characters import Characters
from proxy_server.responders.model.failures import NOT_OURS
from proxy_server.responders.python.halves import Halves
from proxy_server.responders.python.turn import Turn

_DELTAS = ("text-delta", "reasoning-delta")
# The service itself starts and ends messages; of these chunks it uses only the metadata.
_FRAMES = frozenset(("start", "message-metadata", "finish", "done"))
_REASONS: tuple[FinishReason, ...] = (
    "stop",
    "length",
    "content-filter",
    "tool-calls",
    "error",
    "other",
)


class Yielded:
    """Gathers events until they are taken.

    events, characters: how much waits to be taken.
    spoke: whether there was anything.
    """

    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        self._list: list[Event] = []
        self._characters: dict[type[Text | Reasoning], Characters] = {
            Text: Characters(),
            Reasoning: Characters(),
        }
        self._halves = Halves()
        self._reported = 0
        self.characters = 0
        self.spoke = False
        self.finish_reason: FinishReason = "stop"

    @property
    def events(self) -> int:
        return len(self._list)

    def take(self) -> list[Event]:
        taken, self._list, self.characters = self._list, [], 0
        taken += map(Given, self._turn.given.take())
        taken += map(Title, self._turn.titled)
        self._turn.titled.clear()
        reported = self._turn.reported
        if len(reported) > self._reported:
            self._reported = len(reported)
            taken.append(reported[-1])
        return taken

    def add(self, value: object) -> None:
        """Raises ResponderFailed for what cannot be part of an answer."""
        if isinstance(value, str):
            self._say(Text, value)
        elif isinstance(value, Text | Reasoning):
            self._say(type(value), value.text)
        elif isinstance(value, Usage):
            self._turn.reported.append(value)
        elif isinstance(value, Title):
            self._entitle(value.title)
        elif isinstance(value, Piece):
            self._add_chunk(value.chunk)
        elif isinstance(value, Mapping):
            self._add_chunk(value)
        elif isinstance(value, BaseModel):
            # PydanticAI has the chunks as models
            self._add_chunk(value.model_dump(mode="json", by_alias=True, exclude_none=True))
        else:
            raise _wrong(
                f"a value of the type {type(value).__name__}, which cannot be part of an answer"
            )

    def end(self) -> None:
        """Ends the texts; halves of characters become U+FFFD."""
        for kind, characters in self._characters.items():
            if rest := characters.end():
                self._list.append(kind(rest))
        self._list += map(Piece, self._halves.rest())

    def _say(self, kind: type[Text] | type[Reasoning], text: object) -> None:
        if not isinstance(text, str):
            raise _wrong(f"{kind.__name__} of the type {type(text).__name__}")
        if whole := self._characters[kind].join(text):
            self._list.append(kind(whole))
            self.characters += len(whole)
            self.spoke = True

    def _entitle(self, title: object) -> None:
        if not isinstance(title, str):
            raise _wrong(f"a Title of the type {type(title).__name__}")
        self._turn.report_title(title)

    def _add_chunk(self, chunk: Mapping[str, Any]) -> None:
        kind = chunk.get("type")
        if not isinstance(kind, str):
            raise _wrong("a chunk without a type")
        if kind in _DELTAS:
            self._add_delta(kind, chunk)
        elif kind in _FRAMES:
            if kind == "finish":
                reason = chunk.get("finishReason", "stop")
                self.finish_reason = reason if reason in _REASONS else "other"
            if (given := chunk.get("messageMetadata")) is not None:
                self._give(kind, given)
        elif kind in ("error", "abort"):
            raise _wrong(f"the chunk {kind}: {str(chunk.get('errorText', ''))[:500]}")
        else:
            self._list += map(Piece, self._halves.end(kind, chunk.get("id")))
            sent, size = _as_sent(kind, chunk)
            self._list.append(Piece(sent))
            self.characters += size
            self.spoke = True

    def _give(self, kind: str, metadata: Mapping[str, Any]) -> None:
        try:
            self._turn.report_metadata(metadata)
        except (TypeError, ValueError, RecursionError) as error:
            raise _wrong(f"a chunk {kind} whose metadata cannot be used: {error}") from error

    def _add_delta(self, kind: str, chunk: Mapping[str, Any]) -> None:
        """Adds to a text with an id; whether that text exists is checked later."""
        key, delta = chunk.get("id"), chunk.get("delta")
        whole = delta
        if isinstance(delta, str) and isinstance(key, str):
            whole = self._halves.join(kind, key, delta)
            self.characters += len(whole)
        if chunk.get("providerMetadata") is not None:
            sent, _ = _as_sent(kind, {**chunk, "delta": whole})
            self._list.append(Piece(sent))
        else:
            self._list.append(Piece({"type": kind, "id": key, "delta": whole}))
        self.spoke = True


def _as_sent(kind: str, chunk: Mapping[str, Any]) -> tuple[Mapping[str, Any], int]:
    """A copy as JSON, and its size: the generator may go on to change the original."""
    try:
        encoded = msgspec.json.encode(dict(chunk))
        copy: dict[str, Any] = msgspec.json.decode(encoded)
    except (TypeError, ValueError, RecursionError) as error:
        raise _wrong(f"a chunk {kind} that is not valid JSON: {error}") from error
    return copy, len(encoded)


def _wrong(what: str) -> ResponderFailed:
    return ResponderFailed("responder", NOT_OURS, f"yielded {what}")
