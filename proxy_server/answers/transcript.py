"""A growing assistant message: the deltas it is made of, and the chunks that tell of them."""

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from proxy_server.protocol.chunks import (
    Chunk,
    Part,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningPart,
    ReasoningStart,
    TextDelta,
    TextEnd,
    TextPart,
    TextStart,
)

Kind = Literal["text", "reasoning"]

_STARTS: dict[Kind, type[TextStart | ReasoningStart]] = {
    "text": TextStart,
    "reasoning": ReasoningStart,
}
_DELTAS: dict[Kind, type[TextDelta | ReasoningDelta]] = {
    "text": TextDelta,
    "reasoning": ReasoningDelta,
}
_ENDS: dict[Kind, type[TextEnd | ReasoningEnd]] = {"text": TextEnd, "reasoning": ReasoningEnd}
_PARTS: dict[Kind, type[TextPart | ReasoningPart]] = {
    "text": TextPart,
    "reasoning": ReasoningPart,
}

_PART_BYTES = len('{"type":"reasoning","text":""},')


class Delta(NamedTuple):
    kind: Kind
    text: str


class Transcript:
    """Deltas in the order they came, each run of one kind being a part of the message.

    The part that is still growing is the last one until `close`. What was added before the last
    `mark` is what clients are known to have been sent.
    """

    def __init__(self, parts: Iterable[Part] = ()) -> None:
        self._deltas: list[Delta] = []
        self._open: Kind | None = None
        self._count = 0
        self._marked = 0
        self._open_at_mark: Kind | None = None
        self.bytes = 0
        """About what the parts take as JSON, in UTF-8."""
        for part in parts:
            if isinstance(part, TextPart | ReasoningPart):
                kind: Kind = "text" if isinstance(part, TextPart) else "reasoning"
                self._deltas.append(Delta(kind, part.text))
                self._count += 1
                self._open = kind
        self.mark()

    def add(self, deltas: Sequence[Delta]) -> list[Chunk]:
        """Takes deltas and gives the chunks that grow a client's message by them."""
        chunks: list[Chunk] = []
        for kind, text in merge(deltas):
            if kind != self._open:
                chunks += self.close()
                self._count += 1
                self._open = kind
                self.bytes += _PART_BYTES
                chunks.append(_STARTS[kind](str(self._count)))
            chunks.append(_DELTAS[kind](str(self._count), text))
            self._deltas.append(Delta(kind, text))
            self.bytes += len(text.encode())
        return chunks

    def ending(self) -> list[Chunk]:
        """The chunk that would end the part which is still growing, if one is."""
        return [] if self._open is None else [_ENDS[self._open](str(self._count))]

    def close(self) -> list[Chunk]:
        """Ends the part which is still growing, and gives the chunk that says so."""
        ended = self.ending()
        self._open = None
        return ended

    def replay(self, chunks: Iterable[Chunk]) -> None:
        """Takes chunks that were published by whoever made this message before."""
        for chunk in chunks:
            match chunk:
                case TextStart() | ReasoningStart():
                    self._open = None
                case TextDelta(delta=delta):
                    self.add([Delta("text", delta)])
                case ReasoningDelta(delta=delta):
                    self.add([Delta("reasoning", delta)])
                case TextEnd() | ReasoningEnd():
                    self.close()

    def mark(self) -> None:
        """Everything added so far has been acknowledged as published."""
        self._marked = len(self._deltas)
        self._open_at_mark = self._open

    def published(self) -> list[Part]:
        """The message as of the last `mark`, its last part still growing."""
        merged = merge(self._deltas[: self._marked])
        self._deltas[: self._marked] = merged
        self._marked = len(merged)
        parts = [_PARTS[kind](text) for kind, text in merged]
        if parts and self._open_at_mark is not None:
            parts[-1].state = "streaming"
        return list(parts)

    def parts(self) -> list[Part]:
        """The whole message, closed."""
        return [_PARTS[kind](text) for kind, text in merge(self._deltas)]

    def size(self) -> int:
        """Characters of text and reasoning so far."""
        return sum(len(delta.text) for delta in self._deltas)


def merge(deltas: Sequence[Delta]) -> list[Delta]:
    """The same text in the fewest deltas: neighbours of one kind become one."""
    if len(deltas) == 1:
        return list(deltas)
    merged: list[Delta] = []
    run: list[str] = []
    kind: Kind | None = None
    for delta in deltas:
        if delta.kind != kind:
            if kind is not None:
                merged.append(Delta(kind, "".join(run)))
            kind, run = delta.kind, []
        run.append(delta.text)
    if kind is not None:
        merged.append(Delta(kind, "".join(run)))
    return merged
