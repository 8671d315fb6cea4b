"""Reasoning in tags at the beginning of the text: some servers have no field for it."""

from collections.abc import Sequence
from typing import Literal

from proxy_server.protocol.events import Reasoning, Text

Said = Text | Reasoning


class ReasoningTags:
    """Splits the text of one answer into text and reasoning, however its pieces cut the tags.

    names: the tags to look for, such as `think`.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._openings = [f"<{name}>" for name in names]
        self._closing = ""
        self._state: Literal["before", "inside", "behind", "text"] = "before" if names else "text"
        # undecided so far: the beginning of a tag, or white space that may be next to one
        self._held = ""
        self._reasoned = False

    @property
    def done(self) -> bool:
        """Whether everything from now on is text."""
        return self._state == "text"

    def split(self, text: str) -> list[Said]:
        """The pieces that are known to be text or reasoning by now."""
        self._held += text
        said: list[Said] = []
        if self._state == "before":
            self._look_for_opening()
        if self._state == "inside":
            said += self._inside()
        if self._state == "behind":
            self._held = self._held.lstrip()
            self._state = "text" if self._held else "behind"
        if self._state == "text" and self._held:
            said.append(Text(self._held))
            self._held = ""
        return said

    def end(self) -> list[Said]:
        """What was held back, at the end of the answer."""
        held, self._held = self._held, ""
        if self._state == "inside":
            held = held.rstrip()
        if not held or self._state == "behind":
            return []
        return [Reasoning(held) if self._state == "inside" else Text(held)]

    def _look_for_opening(self) -> None:
        found = self._held.lstrip()
        for tag in self._openings:
            if found.startswith(tag):
                self._held = found[len(tag) :]
                self._closing = f"</{tag[1:]}"
                self._state = "inside"
                return
        if found and not any(tag.startswith(found) for tag in self._openings):
            self._state = "text"

    def _inside(self) -> list[Said]:
        at = self._held.find(self._closing)
        if at >= 0:
            body = self._held[:at].rstrip()
            self._held = self._held[at + len(self._closing) :]
            self._state = "behind"
        else:
            body = self._held[: self._certain()]
            self._held = self._held[len(body) :]
        if not self._reasoned:
            body = body.lstrip()
        self._reasoned = self._reasoned or bool(body)
        return [Reasoning(body)] if body else []

    def _certain(self) -> int:
        """The length before a possible closing tag and the white space in front of it."""
        held = self._held
        for length in range(min(len(self._closing) - 1, len(held)), 0, -1):
            if held.endswith(self._closing[:length]):
                held = held[:-length]
                break
        return len(held.rstrip())
