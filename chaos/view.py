"""What one device shows of a conversation, by the rules of docs/protocol.md.

Written only from that document, without the product's own client library.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from time import monotonic

from chaos.parts import Json, Parts

_WITH_STATUS = ("start", "message-metadata", "finish", "abort", "error")
_FINAL = ("complete", "stopped", "failed", "interrupted")


@dataclass(slots=True)
class Shown:
    """A message on the screen. `grew_at` is the monotonic second of its last publication."""

    role: str
    status: str | None
    seq: int = 0
    parts: Parts = field(default_factory=Parts)
    grew_at: float = 0.0

    @property
    def text(self) -> str:
        return self.parts.text

    @property
    def open(self) -> bool:
        """Whether more of it is to come."""
        return self.role == "assistant" and self.status not in _FINAL


class View:
    """The messages of one conversation, grown by publications and replaced by sessions.

    careful: whether `seq` is checked, as the protocol demands.
    read: the texts that were shown, by message; of those that begin alike, only the longest.
    closed: the monotonic second at which each answer was first shown as ended.
    """

    def __init__(self, *, careful: bool = True) -> None:
        self.messages: dict[str, Shown] = {}
        self.read: defaultdict[str, list[str]] = defaultdict(list)
        self.closed: dict[str, float] = {}
        self._known: dict[str, float] = {}
        self._careful = careful
        self._gone: set[str] = set()
        self._missed: set[str] = set()

    def begin(self, session: Json, known: Iterable[str] = ()) -> None:
        """Shows a session in place of all that is shown.

        known: what was shown when the session was requested. Any of it that the session leaves out
            was removed, and nothing more of it may be shown.
        """
        self.remember()
        self.messages = {}
        self.add(session)
        self._gone |= set(known) - set(self.messages)

    def add(self, session: Json) -> None:
        """Adds what a session has that is not shown yet."""
        generation = session["generation"] or {}
        for message in session["messages"]:
            seq = generation["seq"] if generation.get("message") == message["id"] else 0
            self._join(message, seq)

    def leave_from(self, key: str) -> bool:
        """Removes a message and all after it, at its user's request; False if it is not shown."""
        shown = [*self.messages]
        if key not in self.messages:
            return False
        self._remove(shown[shown.index(key) :])
        return True

    def apply(self, publication: Json) -> bool:
        """Applies a publication; False if something before it is missing."""
        match publication["type"]:
            case "message":
                return self._follow(publication["message"], publication.get("after"))
            case "chunks":
                return self._take_piece(publication)
            case "removed":
                self._remove(publication["messages"])
        return True

    def remember(self) -> None:
        """Adds the present texts to those that were read."""
        for key, message in self.messages.items():
            if message.role == "assistant" and (text := message.text):
                _remember(self.read[key], text)

    def open(self) -> Iterator[tuple[str, Shown]]:
        """The unfinished answers."""
        return ((key, message) for key, message in self.messages.items() if message.open)

    def silent(self, since: float) -> list[str]:
        """The unfinished answers of which nothing has arrived since then.

        Nothing arrives for a queued answer while others are before it, so what arrives for those
        counts for it.
        """
        heard = {key: max(m.grew_at, self._known[key]) for key, m in self.messages.items()}
        last = max(heard.values(), default=0.0)
        return [
            key
            for key, message in self.open()
            if (heard[key] if message.status == "streaming" else last) < since
        ]

    def _join(self, message: Json, seq: int) -> None:
        if message["id"] in self.messages:
            return
        status = message["metadata"].get("status")
        shown = self.messages[message["id"]] = Shown(
            message["role"], status, seq, Parts(message["parts"])
        )
        self._note(message["id"], shown)

    def _follow(self, message: Json, after: str | None) -> bool:
        """Adds a message after another one; False if that is not shown."""
        if message["id"] in self.messages:
            return True
        if after is not None and after not in self.messages:
            return self._sought(after)
        self._join(message, 0)
        return True

    def _sought(self, after: str) -> bool:
        """Once is enough: what is still missing after opening again has left the view."""
        known = after in self._missed
        self._missed.add(after)
        return known

    def _take_piece(self, publication: Json) -> bool:
        key, seq = publication["message"], publication["seq"]
        if key not in self.messages and key not in self._gone and "prompt" in publication:
            prompt = publication["prompt"]
            if not self._follow(prompt, publication.get("after")):
                return False
            self._join(prompt, 0)
            self._remove_behind(prompt["id"])
        return self._grow(key, seq, publication["chunks"])

    def _remove_behind(self, key: str) -> None:
        """The answer to that prompt is being regenerated: what was after it has left the view."""
        shown = [*self.messages]
        self._remove(shown[shown.index(key) + 1 :])

    def _remove(self, keys: Iterable[str]) -> None:
        self.remember()
        for key in keys:
            self.messages.pop(key, None)
            self._gone.add(key)

    def _grow(self, key: str, seq: int, chunks: list[Json]) -> bool:
        if key in self._gone:
            return True
        message = self.messages.get(key)
        if message is None:
            if seq != 1:
                return False
            message = self.messages[key] = Shown("assistant", "streaming")
        elif not message.open:
            return True
        if self._careful and seq <= message.seq:
            return True
        if self._careful and seq != message.seq + 1:
            return False
        message.seq = seq
        message.grew_at = monotonic()
        for chunk in chunks:
            if chunk["type"] in _WITH_STATUS:
                message.status = chunk["messageMetadata"]["status"]
            else:
                self._apply(chunk, message)
        self._note(key, message)
        return True

    def _apply(self, chunk: Json, message: Shown) -> None:
        try:
            message.parts.apply(chunk)
        except StopIteration:
            # whoever does not check seq may have missed the part that this one belongs to
            if self._careful:
                raise

    def _note(self, key: str, message: Shown) -> None:
        """Records when it was first known, and when it was first known to have ended."""
        self._known.setdefault(key, monotonic())
        if not message.open:
            self.closed.setdefault(key, monotonic())


def _remember(texts: list[str], text: str) -> None:
    if texts and text.startswith(texts[-1]):
        texts[-1] = text
    elif not any(earlier.startswith(text) for earlier in texts):
        texts.append(text)
