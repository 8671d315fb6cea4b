"""A growing assistant message: what was said of it, and the chunks that tell of that."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from proxy_server.errors import ResponderFailed
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
from proxy_server.protocol.events import Piece, Reasoning, Text
from proxy_server.protocol.messages import (
    Part,
    ReasoningPart,
    SourceUrl,
    TextPart,
    has_more,
)


class Kept(NamedTuple):
    """A part that does not grow: a source, a file, or one of a kind not known here."""

    part: Part
    text: str = ""


Said = Text | Reasoning | Kept
Kind = type[Text] | type[Reasoning]

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

_BAD_CHUNK = "The answer could not be shown. Try again."
_MOST_BYTES = 4
"""What a character takes at most, as UTF-8."""
_MOST_PART_BYTES = 9000
"""What a part takes at most beside its text: a source has an address and a title."""
_PART_BYTES = len('{"type":"reasoning","text":""},')


class GrowingMessage:
    """What was said in the order it came, each run of one kind being a part of the message.

    The part that is still growing is the last one until `close`. What was added before the last
    `mark` is what clients are known to have been sent.
    """

    def __init__(self, parts: Iterable[Part] = ()) -> None:
        self._said: list[Said] = []
        self._open: Kind | None = None
        self._count = 0
        self._marked = 0
        self._open_at_mark: Kind | None = None
        self.bytes = 0
        """About what the parts take as JSON, in UTF-8."""
        for part in parts:
            self._count += 1
            if isinstance(part, TextPart | ReasoningPart) and (part.state or not has_more(part)):
                kind: Kind = Text if isinstance(part, TextPart) else Reasoning
                self._said.append(kind(part.text))
                self._open = kind
            else:
                self._said.append(Kept(part))
                self._open = None
        self.mark()

    def add(self, said: Sequence[Said]) -> list[Chunk]:
        """Takes what was said and gives the chunks that grow a client's message by them."""
        chunks: list[Chunk] = []
        for piece in merge(said):
            if isinstance(piece, Kept):
                chunks += self._add_kept(piece)
                continue
            kind = type(piece)
            if kind != self._open:
                chunks += self.close()
                self._count += 1
                self._open = kind
                self.bytes += _PART_BYTES
                chunks.append(_STARTS[kind](str(self._count)))
            chunks.append(_DELTAS[kind](str(self._count), piece.text))
            self._said.append(piece)
            self.bytes += len(piece.text.encode())
        return chunks

    def _add_kept(self, kept: Kept) -> list[Chunk]:
        chunks = self.close()
        self._count += 1
        self._said.append(kept)
        self.bytes += len(encode(kept.part))
        return [*chunks, kept.part] if isinstance(kept.part, SourceUrl) else chunks

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
                    self.add([Text(delta)])
                case ReasoningDelta(delta=delta):
                    self.add([Reasoning(delta)])
                case TextEnd() | ReasoningEnd():
                    self.close()
                case SourceUrl():
                    self.add([Kept(chunk)])

    def mark(self) -> None:
        """Everything added so far has been acknowledged as published."""
        self._marked = len(self._said)
        self._open_at_mark = self._open

    def published(self) -> list[Part]:
        """The message as of the last `mark`, its last part still growing."""
        merged = merge(self._said[: self._marked])
        self._said[: self._marked] = merged
        self._marked = len(merged)
        parts = [_part_of(piece) for piece in merged]
        last = parts[-1] if parts else None
        if isinstance(last, TextPart | ReasoningPart) and self._open_at_mark is not None:
            last.state = "streaming"
        return parts

    def parts(self) -> list[Part]:
        """The whole message, closed."""
        return [_part_of(piece) for piece in merge(self._said)]

    def size(self) -> int:
        """Characters of text and reasoning so far."""
        return sum(len(piece.text) for piece in self._said)


def source_of(piece: Piece) -> Kept:
    """The part that a chunk of another kind adds. Raises ResponderFailed for what is none."""
    chunk = piece.chunk
    try:
        source = msgspec.convert(chunk, SourceUrl)
    except msgspec.ValidationError as error:
        # without the value, which is part of the answer
        problem = str(error).partition(" '")[0]
        details = f"chunk {str(chunk.get('type'))[:50]!r}: {problem[:100]}"
        raise ResponderFailed("bad_chunk", _BAD_CHUNK, details) from error
    if len(encode(source)) > _MOST_PART_BYTES:
        raise ResponderFailed("bad_chunk", _BAD_CHUNK, f"a source of {len(encode(source))} bytes")
    return Kept(source)


def within(said: Sequence[Said], room: int) -> Sequence[Said]:
    """As much of it as takes so many bytes: the same object where that is all of it."""
    most = sum(len(piece.text) for piece in said) * _MOST_BYTES + len(said) * _MOST_PART_BYTES
    if most <= room:
        return said
    fitting: list[Said] = []
    for piece in said:
        if isinstance(piece, Kept):
            room -= len(encode(piece.part))
            if room < 0:
                return fitting
            fitting.append(piece)
            continue
        room -= _PART_BYTES
        text = piece.text.encode()
        if len(text) > room:
            # half a character at the end is none
            if cut := text[: max(room, 0)].decode(errors="ignore"):
                fitting.append(type(piece)(cut))
            return fitting
        fitting.append(piece)
        room -= len(text)
    return said


def merge(said: Sequence[Said]) -> list[Said]:
    """The same in the fewest pieces: neighbours of one kind become one."""
    if len(said) == 1:
        return list(said)
    merged: list[Said] = []
    run: list[str] = []
    kind: Kind | None = None
    for piece in said:
        if type(piece) is not kind:
            if kind is not None:
                merged.append(kind("".join(run)))
            if isinstance(piece, Kept):
                merged.append(piece)
                kind = None
                continue
            kind, run = type(piece), []
        run.append(piece.text)
    if kind is not None:
        merged.append(kind("".join(run)))
    return merged


def _part_of(piece: Said) -> Part:
    return piece.part if isinstance(piece, Kept) else _PARTS[type(piece)](piece.text)
