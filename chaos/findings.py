"""The findings of comparisons: texts character by character, parts one by one."""

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import zip_longest

from chaos.ledger import Violation
from chaos.parts import comparable
from chaos.stored import Sent
from testbed.connection import Json

LOST, DOUBLED, DIFFERING = "lost characters", "doubled characters", "differing characters"
OTHER_PARTS = "answers with other parts"
LEFT_OPEN = "messages left open"
AROUND = 20
"""How many characters to show around a difference."""


class Findings:
    """compared: the number of characters, over all comparisons."""

    def __init__(self, violations: Sequence[Violation]) -> None:
        self.violations = list(violations)
        self.compared = 0

    def same_parts(
        self, kept: list[Json], found: list[Json], place: str, where: tuple[str, str, str]
    ) -> None:
        both = [[comparable(part) for part in parts] for parts in (kept, found)]
        for at, (one, other) in enumerate(zip_longest(*both)):
            if one != other:
                self.add(OTHER_PARTS, f"part {at}: stored {one}, {place} {other}", *where)
                return

    def compare(
        self, expected: str, actual: str, left: str, right: str, *where: str, early: bool = False
    ) -> None:
        """early: whether the actual text may end before the expected one."""
        self.compared += len(actual)
        if expected == actual or (early and expected.startswith(actual)):
            return
        for kind, at, characters in _differences(expected, actual, early=early):
            details = (
                f"{left} against {right}, at {at}: "
                f"{short(expected[max(0, at - AROUND) : at + AROUND])} is "
                f"{short(actual[max(0, at - AROUND) : at + AROUND])}"
            )
            user, conversation, message = where
            self.add(kind, details, user, conversation, message, characters)

    def add(
        self,
        kind: str,
        details: str,
        user: str,
        conversation: str,
        message: str,
        characters: int = 1,
    ) -> None:
        self.violations.append(Violation(kind, details, user, conversation, message, characters))


def likest(sent: list[Sent], text: str) -> Sent:
    """The text, of all sent for a prompt, from which this one was made: no two begin alike."""
    return max(sent, key=lambda one: len(common(one.text, text)))


def common(one: str, other: str) -> str:
    """The common beginning of two texts."""
    if other.startswith(one):
        return one
    for at, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return one[:at]
    return one[: len(other)]


def _differences(expected: str, actual: str, *, early: bool) -> Iterator[tuple[str, int, int]]:
    """The differences from the expected text: kind, place and number of characters."""
    matcher = SequenceMatcher(None, expected, actual, autojunk=False)
    for what, begin, end, found, found_end in matcher.get_opcodes():
        if what == "delete" and early and end == len(expected):
            return
        if what == "delete":
            yield LOST, begin, end - begin
        elif what == "insert":
            again = actual[found:found_end] in expected
            yield DOUBLED if again else DIFFERING, begin, found_end - found
        elif what == "replace":
            yield DIFFERING, begin, max(end - begin, found_end - found)


def short(text: str) -> str:
    return repr(text if len(text) <= 3 * AROUND else text[: 3 * AROUND] + "…")
