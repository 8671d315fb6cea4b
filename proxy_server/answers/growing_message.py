"""A growing assistant message: what was said, and the chunks that publish it."""

from collections.abc import Iterable, Sequence

from msgspec import to_builtins

from proxy_server.answers.said import PART_BYTES, Added, Kind, Said, merge
from proxy_server.protocol import tool_parts
from proxy_server.protocol.chunks import (
    Chunk,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    TextDelta,
    TextEnd,
    TextStart,
)
from proxy_server.protocol.encoding import encode
from proxy_server.protocol.events import Reasoning, Text
from proxy_server.protocol.messages import Part, ReasoningPart, Status, TextPart, part_type
from proxy_server.protocol.reduction import Reduction
from proxy_server.protocol.shapes import Json, is_data

_STARTS: dict[Kind, type[TextStart | ReasoningStart]] = {
    Text: TextStart,
    Reasoning: ReasoningStart,
}
_DELTAS: dict[Kind, type[TextDelta | ReasoningDelta]] = {
    Text: TextDelta,
    Reasoning: ReasoningDelta,
}
_ENDS: dict[Kind, type[TextEnd | ReasoningEnd]] = {Text: TextEnd, Reasoning: ReasoningEnd}
_PARTS: dict[Kind, type[TextPart | ReasoningPart]] = {Text: TextPart, Reasoning: ReasoningPart}
_KINDS: dict[str, Kind] = {"text": Text, "reasoning": Reasoning}

_TEXTS = frozenset(
    f"{kind}-{step}" for kind in ("text", "reasoning") for step in ("start", "delta", "end")
)


class GrowingMessage:
    """What was said, in order: runs of text, and chunks of all other kinds.

    The text that still grows is the last one until `close`. What was added before the last `mark`
    is known to have reached Centrifugo. Parts are built only on demand, so a token costs no more
    than appending to a list.
    """

    def __init__(self, parts: Iterable[Part] = ()) -> None:
        known = list(parts)
        self._reduced = Reduction(known)
        """The parts as of some moment before the last mark; everything since is in `_said`."""
        self._said: list[Said] = []
        self._marked = 0
        self._open: Kind | None = None
        self._count = len(known)
        """The number of parts begun so far; it is used as the id of a text."""
        self._step = 0
        self._id = ""
        self._sizes: dict[tuple[str, str], int] = {}
        self.bytes = len(encode(known)) if known else 0
        """The approximate size of the parts as JSON, in UTF-8."""
        for number, part in enumerate(known, 1):
            if isinstance(part, TextPart | ReasoningPart):
                kind: Kind = Text if isinstance(part, TextPart) else Reasoning
                self._id, self._open = str(number), None if part.state is None else kind
            elif part_type(part) == "step-start":
                self._step = number

    def add(self, said: Sequence[Said]) -> list[Chunk]:
        """Adds what was said; returns the chunks that add it to a client's message."""
        chunks: list[Chunk] = []
        for piece in merge(said):
            if isinstance(piece, Added):
                chunks += self._add_chunk(piece)
                continue
            kind = type(piece)
            if kind != self._open:
                chunks += self.close()
                chunks.append(self._begin(kind))
            chunks.append(_DELTAS[kind](self._id, piece.text))
            self._said.append(piece)
            self.bytes += len(piece.text.encode())
        return chunks

    def _add_chunk(self, added: Added) -> list[Chunk]:
        name, _, step = added.chunk["type"].partition("-")
        kind = _KINDS.get(name)
        if kind is not None and step == "start":
            return [*self.close(), self._begin(kind, added.chunk)]
        if kind is not None and step in ("delta", "end"):
            if self._open is None:
                return []
            chunk = {**added.chunk, "id": self._id}
            self._keep(chunk, added.bytes)
            if step == "end":
                self._open = None
            return [chunk]
        again = added.chunk["type"] == "reset-step"
        ended = [] if added.beside or not (added.begins or again) else self.close()
        self._count = self._step if again else self._count + added.begins
        if added.chunk["type"] == "start-step":
            self._step = self._count
        self._keep(added.chunk, added.bytes)
        return [*ended, added.chunk]

    def _begin(self, kind: Kind, chunk: Json | None = None) -> Chunk:
        self._count += 1
        self._id = str(self._count)
        self._open = kind
        start = _STARTS[kind](self._id, chunk and chunk.get("providerMetadata"))
        self._keep(to_builtins(start), PART_BYTES)
        return start

    def _keep(self, chunk: Json, size: int) -> None:
        """Adds a chunk and its size."""
        kind = chunk["type"]
        if chunk.get("transient"):
            return
        self._said.append(Added(chunk, size))
        self.bytes += size
        what = chunk.get("toolCallId") if kind.startswith("tool-") else chunk.get("id")
        if what is None or kind in _TEXTS:
            if kind == "start-step":
                # from here on, the id of a call may refer to a new call
                self._sizes = {key: one for key, one in self._sizes.items() if is_data(key[0])}
            return
        if kind == "tool-input-delta":
            size += self._sizes.get((kind, what), 0)
        else:
            # minus the size of what it replaces
            self.bytes -= self._sizes.pop((kind, what), 0)
            if kind in ("tool-input-available", "tool-input-error"):
                self.bytes -= self._sizes.pop(("tool-input-delta", what), 0)
        self._sizes[kind, what] = size

    def ending(self) -> list[Chunk]:
        """The chunk that would end the growing text, if there is one."""
        return [] if self._open is None else [_ENDS[self._open](self._id)]

    def close(self) -> list[Chunk]:
        """Ends the growing text; returns the chunk for that."""
        ended = self.ending()
        for chunk in ended:
            self._said.append(Added(to_builtins(chunk), 0))
        self._open = None
        return ended

    def replay(self, chunks: Iterable[Chunk]) -> None:
        """Adds chunks that an earlier server of this message published."""
        for chunk in chunks:
            match chunk:
                case TextDelta(delta=text, provider_metadata=None):
                    self._said.append(Text(text))
                case ReasoningDelta(delta=text, provider_metadata=None):
                    self._said.append(Reasoning(text))
                case TextStart() | ReasoningStart():
                    self._open = Text if isinstance(chunk, TextStart) else Reasoning
                    self._count += 1
                    self._id = chunk.id
                    self._keep(to_builtins(chunk), PART_BYTES)
                case TextEnd() | ReasoningEnd():
                    self._open = None
                    self._keep(to_builtins(chunk), 0)
                case TextDelta() | ReasoningDelta():
                    self._keep(to_builtins(chunk), len(encode(chunk)))
                case dict():
                    self._keep(chunk, len(encode(chunk)))

    def mark(self) -> None:
        """Everything added so far has been acknowledged as published."""
        self._marked = len(self._said)

    def published(self) -> list[Part]:
        """The message as of the last `mark`; a growing text is still growing."""
        _reduce(self._reduced, self._said[: self._marked])
        del self._said[: self._marked]
        self._marked = 0
        return self._reduced.parts()

    def parts(self) -> list[Part]:
        """The whole message, as it would be stored if it were complete."""
        return self.ended("complete")[1]

    def ended(self, status: Status) -> tuple[list[Chunk], list[Part]]:
        """The chunks that close what is open at an end with that status, and the final parts."""
        whole = Reduction(self._reduced.parts())
        _reduce(whole, self._said)
        chunks = [*self.ending(), *tool_parts.endings(whole.tools(), status)]
        for chunk in chunks:
            whole.apply(to_builtins(chunk))
        return chunks, whole.parts()

    def size(self) -> int:
        """Characters of text and reasoning so far."""
        return self._reduced.size() + sum(len(piece.text) for piece in self._said)


def _reduce(reduced: Reduction, said: Iterable[Said]) -> None:
    for piece in said:
        if isinstance(piece, Added):
            reduced.apply(piece.chunk)
        else:
            reduced.say(_PARTS[type(piece)], piece.text)
