"""The verdict on a phase: what was sent, stored and shown, compared character by character."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

from chaos.connection import Json
from chaos.ledger import Exhibit, Ledger, Prompt, Violation
from chaos.stored import Sent, Stored, text_of

FINAL = ("complete", "stopped", "failed", "interrupted")
LOST, DOUBLED, DIFFERING = "lost characters", "doubled characters", "differing characters"
LEFT_OPEN = "messages left open"
DUPLICATE_GENERATIONS, DUPLICATE_MESSAGES = "duplicate generations", "duplicate messages"
REFUSED_BUT_STORED = "refused prompts that are stored"
KINDS = (
    *(LOST, DOUBLED, DIFFERING, LEFT_OPEN),
    *(DUPLICATE_GENERATIONS, DUPLICATE_MESSAGES, REFUSED_BUT_STORED),
)
_AROUND = 20


@dataclass(frozen=True, slots=True)
class Verdict:
    """statuses: how the answers ended. compared: characters of answers, over all comparisons."""

    violations: list[Violation]
    statuses: Counter[str]
    compared: int


def judge(ledger: Ledger, stored: Stored) -> Verdict:
    """Each answer against the model's record, the database and every device; each prompt too.

    An answer that is complete is exactly what the model sent, in the store and on every device.
    One that ended early is a beginning of that, the same in the store and on every device, and
    holds all that anybody ever had before their eyes. So is what was seen of one that was
    removed later, which is a beginning of what the model sent.
    """
    return _Judge(ledger, stored).verdict()


class _Judge:
    def __init__(self, ledger: Ledger, stored: Stored) -> None:
        self._ledger = ledger
        self._stored = stored
        self._violations = list(ledger.violations)
        self._statuses: Counter[str] = Counter()
        self._compared = 0
        self._prompts = {prompt.id: prompt for prompt in ledger.prompts}

    def verdict(self) -> Verdict:
        for (user, conversation), messages in self._stored.conversations.items():
            for prompt, answer in _turns(messages):
                self._answer(user, conversation, prompt, answer)
        for exhibit in self._ledger.exhibits:
            self._exhibit(exhibit)
        self._every_prompt()
        for repeat in self._ledger.repeats.values():
            self._add(
                DOUBLED,
                f"published twice: seq {repeat.seq} {_short(repeat.text)}",
                "",
                "",
                repeat.message,
                len(repeat.text) or 1,
            )
        if self._stored.in_work:
            self._add(LEFT_OPEN, f"{self._stored.in_work} rows of work that is over", "", "", "")
        return Verdict(self._violations, self._statuses, self._compared)

    def _answer(self, user: str, conversation: str, prompt: str, answer: Json) -> None:
        key, text, status = answer["id"], text_of(answer["parts"]), answer["metadata"]["status"]
        where = (user, conversation, key)
        self._statuses[status] += 1
        if status not in FINAL:
            self._add(LEFT_OPEN, f"stored as {status}", *where)
        sent = self._stored.sent.get(prompt, [])
        if not sent and (text or status == "complete"):
            self._add(DIFFERING, f"the model sent nothing, stored is {_short(text)}", *where)
        elif status == "complete":
            whole = [one for one in sent if one.whole] or sent
            self._compare(_likest(whole, text), text, "sent", "stored", *where)
        elif text:
            self._compare(_likest(sent, text), text, "sent", "stored", *where, early=True)
        row = self._stored.rows.get((user, key), ("", "missing"))
        self._compare(text, row[0], "told by the service", "in the database", *where)
        if row[1] != status:
            self._add(DIFFERING, f"status {status}, in the database {row[1]}", *where)

    def _exhibit(self, exhibit: Exhibit) -> None:
        messages = self._stored.conversations.get((exhibit.user, exhibit.conversation), [])
        stored = {message["id"]: message for message in messages}
        for key, message in stored.items():
            if exhibit.uncertain or key in exhibit.shown:
                continue
            if message["role"] == "assistant":
                text = text_of(message["parts"])
                details = f"stored, and not shown by the {exhibit.device}"
                self._add(LOST, details, exhibit.user, exhibit.conversation, key, len(text) or 1)
        for key, (role, text, status) in exhibit.shown.items():
            where = (exhibit.user, exhibit.conversation, key)
            if key not in stored:
                if not exhibit.uncertain:
                    details = f"shown by the {exhibit.device}, and not stored"
                    self._add(LOST, details, *where, len(text) or 1)
                continue
            kept = text_of(stored[key]["parts"])
            self._compare(kept, text, "stored", f"on the {exhibit.device}", *where)
            kept_status = stored[key]["metadata"].get("status")
            if role == "assistant" and kept_status != status:
                details = f"stored as {kept_status}, {status} on the {exhibit.device}"
                self._add(LEFT_OPEN if status not in FINAL else DIFFERING, details, *where)
        for key, texts in exhibit.read.items():
            for text in texts:
                self._read(exhibit, key, text, stored.get(key), messages)

    def _read(
        self, exhibit: Exhibit, key: str, text: str, message: Json | None, messages: list[Json]
    ) -> None:
        """Whoever read this must find it in what is kept."""
        where = (exhibit.user, exhibit.conversation, key)
        name = f"read on the {exhibit.device}"
        if message is not None:
            kept = text_of(message["parts"])
            if not kept.startswith(text):
                lost = len(text) - len(_common(kept, text))
                at = len(text) - lost
                self._compared += len(text)
                details = f"{name}, and not in what is stored: {_short(text[at:])} at {at}"
                self._add(LOST, details, *where, lost)
            return
        marks = [m["id"] for m in messages if m["role"] == "user"]
        sent = [one for mark in marks for one in self._stored.sent.get(mark, [])]
        if sent:
            self._compare(_likest(sent, text), text, "sent", name, *where, early=True)

    def _every_prompt(self) -> None:
        found = Counter(
            (user, message["id"])
            for (user, _), messages in self._stored.conversations.items()
            for message in messages
            if message["role"] == "user"
        )
        for prompt in self._ledger.prompts:
            self._prompt(prompt, found[prompt.user, prompt.id])

    def _prompt(self, prompt: Prompt, found: int) -> None:
        where = (prompt.user, "", prompt.answer or prompt.id)
        requests = sum(not one.retry for one in self._stored.sent.get(prompt.id, []))
        certainly_refused = prompt.refused and not prompt.uncertain
        if certainly_refused and found:
            self._add(REFUSED_BUT_STORED, f"prompt {prompt.id}", *where)
        if found > 1:
            self._add(DUPLICATE_MESSAGES, f"prompt {prompt.id} is stored {found} times", *where)
        if prompt.answer is not None and not found:
            self._add(LOST, f"accepted prompt {prompt.id} is not stored", *where, len(prompt.text))
        asked = 0 if certainly_refused else prompt.asked
        if requests > asked:
            details = f"prompt {prompt.id}: {requests} requests to the model instead of {asked}"
            for _ in range(requests - asked):
                self._add(DUPLICATE_GENERATIONS, details, *where)

    def _compare(
        self, expected: str, actual: str, left: str, right: str, *where: str, early: bool = False
    ) -> None:
        """early: the actual text may end before the expected one."""
        self._compared += len(actual)
        if expected == actual or (early and expected.startswith(actual)):
            return
        for kind, at, characters in _differences(expected, actual, early=early):
            details = (
                f"{left} against {right}, at {at}: "
                f"{_short(expected[max(0, at - _AROUND) : at + _AROUND])} is "
                f"{_short(actual[max(0, at - _AROUND) : at + _AROUND])}"
            )
            user, conversation, message = where
            self._add(kind, details, user, conversation, message, characters)

    def _add(
        self,
        kind: str,
        details: str,
        user: str,
        conversation: str,
        message: str,
        characters: int = 1,
    ) -> None:
        self._violations.append(Violation(kind, details, user, conversation, message, characters))


def _turns(messages: list[Json]) -> Iterator[tuple[str, Json]]:
    """Each answer with the id of the prompt before it."""
    prompt = ""
    for message in messages:
        if message["role"] == "user":
            prompt = message["id"]
        else:
            yield prompt, message


def _likest(sent: list[Sent], text: str) -> str:
    """Of all that was sent for a prompt, what this text was made from: no two begin alike."""
    return max((one.text for one in sent), key=lambda one: len(_common(one, text)), default="")


def _common(one: str, other: str) -> str:
    """The beginning that two texts share."""
    if other.startswith(one):
        return one
    for at, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return one[:at]
    return one[: len(other)]


def _differences(expected: str, actual: str, *, early: bool) -> Iterator[tuple[str, int, int]]:
    """What became of the expected text: kind, place and number of characters."""
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


def _short(text: str) -> str:
    return repr(text if len(text) <= 3 * _AROUND else text[: 3 * _AROUND] + "…")
