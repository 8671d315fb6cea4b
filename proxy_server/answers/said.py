"""What was said of an answer: runs of text, and chunks of all other kinds."""

from collections.abc import Sequence
from typing import NamedTuple

from proxy_server.protocol.events import Reasoning, Text
from proxy_server.protocol.shapes import Json

_MOST_BYTES = 4
"""The most bytes of a character in UTF-8."""
_MOST_AT_ONCE = 250_000
PART_BYTES = len('{"type":"reasoning","text":""},')


class Added(NamedTuple):
    """A chunk other than plain text, as it is published, with its size as JSON.

    begins: whether it begins a part.
    beside: whether it may do so while a text before it still grows.
    """

    chunk: Json
    bytes: int
    begins: bool = False
    beside: bool = False
    text: str = ""


Said = Text | Reasoning | Added
Kind = type[Text] | type[Reasoning]


def portions(said: Sequence[Said]) -> Sequence[Sequence[Said]]:
    """Splits it into as few portions as possible, each small enough for a publication."""
    size = sum(piece.bytes for piece in said if isinstance(piece, Added))
    if size <= _MOST_AT_ONCE:
        return (said,) if said else ()
    portions: list[list[Said]] = [[]]
    size = 0
    for piece in said:
        size += piece.bytes if isinstance(piece, Added) else len(piece.text)
        if size > _MOST_AT_ONCE and portions[-1]:
            portions.append([])
            size = 0
        portions[-1].append(piece)
    return portions


def within(said: Sequence[Said], room: int) -> Sequence[Said]:
    """As much of it as fits into that many bytes; the same object if all of it fits."""
    most = sum(
        piece.bytes if isinstance(piece, Added) else PART_BYTES + len(piece.text) * _MOST_BYTES
        for piece in said
    )
    if most <= room:
        return said
    fitting: list[Said] = []
    for piece in said:
        if isinstance(piece, Added):
            room -= piece.bytes
            if room < 0:
                return fitting
            fitting.append(piece)
            continue
        room -= PART_BYTES
        text = piece.text.encode()
        if len(text) > room:
            # drops half a character at the end
            if cut := text[: max(room, 0)].decode(errors="ignore"):
                fitting.append(type(piece)(cut))
            return fitting
        fitting.append(piece)
        room -= len(text)
    return said


def merge(said: Sequence[Said]) -> list[Said]:
    """Merges adjacent pieces of the same kind."""
    if len(said) == 1:
        return list(said)
    merged: list[Said] = []
    run: list[str] = []
    kind: Kind | None = None
    for piece in said:
        if type(piece) is not kind:
            if kind is not None:
                merged.append(kind("".join(run)))
            if isinstance(piece, Added):
                _join(merged, piece)
                kind = None
                continue
            kind, run = type(piece), []
        run.append(piece.text)
    if kind is not None:
        merged.append(kind("".join(run)))
    return merged


def _join(merged: list[Said], added: Added) -> None:
    """Appends a piece; joins it to the last one if both continue the input of the same call."""
    last, chunk = merged[-1] if merged else None, added.chunk
    if (
        isinstance(last, Added)
        and chunk["type"] == last.chunk["type"] == "tool-input-delta"
        and chunk["toolCallId"] == last.chunk["toolCallId"]
    ):
        text = last.chunk["inputTextDelta"] + chunk["inputTextDelta"]
        merged[-1] = Added({**chunk, "inputTextDelta": text}, last.bytes + added.bytes)
    else:
        merged.append(added)
