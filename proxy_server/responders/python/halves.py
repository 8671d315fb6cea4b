"""Characters that were split between two chunks of a text with an id."""

from collections.abc import Iterator, Mapping
from typing import Any

from proxy_server.responders.characters import Characters

_ENDS = {"text-end": "text-delta", "reasoning-end": "reasoning-delta"}


class Halves:
    """Joins the split characters of an answer's texts, each text separately."""

    def __init__(self) -> None:
        self._texts: dict[tuple[str, str], Characters] = {}

    def join(self, kind: str, key: str, delta: str, *, from_bytes: bool = False) -> str:
        """The complete characters of a text that were not returned yet."""
        if delta.isascii() and (kind, key) not in self._texts:
            return delta
        characters = self._texts.setdefault((kind, key), Characters())
        return characters.join(delta, from_bytes=from_bytes)

    def end(self, kind: object, key: object) -> Iterator[Mapping[str, Any]]:
        """The chunk with the rest of the text that `chunk` ends, if there is a rest."""
        if isinstance(kind, str) and isinstance(key, str) and kind in _ENDS:
            yield from self._rest(_ENDS[kind], key)

    def rest(self) -> Iterator[Mapping[str, Any]]:
        """The chunks with the rests of all texts."""
        for kind, key in [*self._texts]:
            yield from self._rest(kind, key)

    def _rest(self, kind: str, key: str) -> Iterator[Mapping[str, Any]]:
        characters = self._texts.pop((kind, key), None)
        if characters is not None and (rest := characters.end()):
            yield {"type": kind, "id": key, "delta": rest}
