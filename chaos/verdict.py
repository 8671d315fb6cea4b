"""The verdict on a phase: what was sent, stored and shown, compared character by character."""

import math
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

from chaos.connection import Json
from chaos.files import NOT_WHOLE
from chaos.ledger import (
    NOT_AS_DECIDED,
    TWO_DECISIONS,
    Exhibit,
    Ledger,
    Life,
    Prompt,
    Stop,
    Violation,
)
from chaos.parts import Parts, begins, comparable
from chaos.stored import Row, Sent, Stored, text_of
from testbed.answers import chunks_of

FINAL = ("complete", "stopped", "failed", "interrupted")
LOST, DOUBLED, DIFFERING = "lost characters", "doubled characters", "differing characters"
OTHER_PARTS = "answers with other parts"
LEFT_OPEN = "messages left open"
DUPLICATE_GENERATIONS, DUPLICATE_MESSAGES = "duplicate generations", "duplicate messages"
REFUSED_BUT_STORED = "refused prompts that are stored"
WITHOUT_CAUSE = "answers ended early without a cause"
NOT_COMPLETE = "broken answers called complete"
SLOW_STOPS = "stops that the model learned of later than a second"
LEFT_BEHIND = "deleted messages that are stored"
KINDS = (
    *(LOST, DOUBLED, DIFFERING, OTHER_PARTS, WITHOUT_CAUSE, NOT_COMPLETE, LEFT_OPEN, SLOW_STOPS),
    *(DUPLICATE_GENERATIONS, DUPLICATE_MESSAGES, REFUSED_BUT_STORED, LEFT_BEHIND),
    *(TWO_DECISIONS, NOT_AS_DECIDED, NOT_WHOLE),
)
_AROUND = 20
_STOP_SECONDS = 1.0
# the service's clock beside the monotonic one
_CLOCKS_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Verdict:
    """statuses: how the answers ended. compared: characters of answers, over all comparisons.

    not_compared: messages that may rightly be on one side only, as a call brought no reply.
    model_faults: how often the model, as the prompt had asked, fell silent or broke off.
    stops: after how many seconds the model had learned of each stop, where nothing was broken.
    """

    violations: list[Violation]
    statuses: Counter[str]
    compared: int
    not_compared: int
    model_faults: int
    stops: list[float]


def judge(ledger: Ledger, stored: Stored) -> Verdict:
    """Each answer against the model's record, the database and every device; each prompt too.

    An answer that is complete is exactly what the model sent, to its end, in the store and on every
    device. One that ended early had a cause to, is a beginning of what was sent, the same in the
    store and on every device, and holds all that anybody ever had before their eyes. So is what
    was seen of one that was removed later, which is a beginning of what the model sent.
    """
    return _Judge(ledger, stored).verdict()


class _Judge:
    def __init__(self, ledger: Ledger, stored: Stored) -> None:
        self._ledger = ledger
        self._stored = stored
        self._violations = list(ledger.violations)
        self._statuses: Counter[str] = Counter()
        self._compared = 0
        self._not_compared = 0
        self._stops: list[float] = []
        self._prompts = {prompt.id: prompt for prompt in ledger.prompts}
        self._closed: dict[str, float] = {}
        for exhibit in ledger.exhibits:
            for key, at in exhibit.closed.items():
                self._closed[key] = min(at, self._closed.get(key, math.inf))
        self._wall = time.time() - time.monotonic()

    def verdict(self) -> Verdict:
        for (user, conversation), messages in self._stored.conversations.items():
            for prompt, answer in _turns(messages):
                self._answer(user, conversation, prompt, answer)
        for exhibit in self._ledger.exhibits:
            self._exhibit(exhibit)
        self._every_prompt()
        for stop in self._ledger.stops:
            self._stop(stop)
        self._names_and_deletions()
        for repeat in self._ledger.repeats.values():
            self._add(
                DOUBLED,
                f"published twice: seq {repeat.seq} {_short(repeat.text)}",
                "",
                "",
                repeat.message,
                len(repeat.text) or 1,
            )
        if self._stored.unfinished:
            self._add(LEFT_OPEN, f"{self._stored.unfinished} rows of work that is over", "", "", "")
        broken = [one.id for one in self._ledger.prompts if one.model_breaks]
        return Verdict(
            self._violations,
            self._statuses,
            self._compared,
            self._not_compared,
            sum(len(self._stored.sent.get(mark, ())) for mark in broken),
            self._stops,
        )

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
            self._complete(sent, text, where)
        elif text:
            self._compare(_likest(sent, text).text, text, "sent", "stored", *where, early=True)
        if status != "complete" and status in FINAL:
            life = Life(self._began(answer, sent, text), self._closed.get(key, math.inf))
            self._early(prompt, status, life, where)
        row = self._stored.rows.get((user, key), Row(conversation, "", "missing"))
        self._compare(text, row.text, "told by the service", "in the database", *where)
        if row.parts:
            self._same_parts(answer["parts"], row.parts, "in the database", where)
        known = self._prompts.get(prompt)
        if known is not None and known.model and sent:
            self._made_parts(_likest(sent, text).text, answer, where)
        if row.status != status:
            self._add(DIFFERING, f"status {status}, in the database {row.status}", *where)

    def _same_parts(
        self, kept: list[Json], found: list[Json], place: str, where: tuple[str, str, str]
    ) -> None:
        if [comparable(part) for part in kept] != [comparable(part) for part in found]:
            self._add(
                OTHER_PARTS, f"stored {_short(str(kept))}, {place} {_short(str(found))}", *where
            )

    def _made_parts(self, sent: str, answer: Json, where: tuple[str, str, str]) -> None:
        """Whether the parts are those of what was sent, or a beginning of them."""
        made = Parts()
        for chunk in chunks_of(sent):
            made.apply(chunk)
        wanted, stored = made.shown(), [comparable(part) for part in answer["parts"]]
        complete = answer["metadata"]["status"] == "complete"
        if wanted != stored if complete else not begins(wanted, stored):
            details = f"should be {_short(str(wanted))}, stored {_short(str(stored))}"
            self._add(OTHER_PARTS, details, *where)

    def _complete(self, sent: list[Sent], text: str, where: tuple[str, str, str]) -> None:
        whole = [one for one in sent if one.whole]
        if whole:
            self._compare(_likest(whole, text).text, text, "sent", "stored", *where)
        else:
            details = f"the model broke off after {_short(_likest(sent, text).text[-_AROUND:])}"
            self._add(NOT_COMPLETE, details, *where)

    def _began(self, answer: Json, sent: list[Sent], text: str) -> float:
        if text and sent:
            return _likest(sent, text).began_at
        return float(answer["metadata"]["created_at"]) - self._wall - _CLOCKS_SECONDS

    def _early(self, prompt: str, status: str, life: Life, where: tuple[str, str, str]) -> None:
        """Whether an answer had a cause to end early."""
        _, conversation, key = where
        known = self._prompts.get(prompt)
        if status == "failed" and known is not None and known.model_breaks:
            return
        causes = self._ledger.causes
        if not any(cause.explains(status, conversation, key, life) for cause in causes):
            faults = [
                fault.kind
                for fault in self._ledger.faults
                if fault.begin <= life.end and life.begin <= fault.end
            ]
            seconds = f"{life.end - life.begin:.1f} s"
            during = f"{status} after {seconds}, during {', '.join(faults) or 'no fault'}"
            self._add(WITHOUT_CAUSE, during, *where)

    def _stop(self, stop: Stop) -> None:
        """Whether the provider's request ended within a second; only where nothing was broken."""
        if not self._ledger.calm(stop.asked_at, stop.told_at + _STOP_SECONDS):
            return
        for one in self._stored.sent.get(stop.mark, ()):
            if one.text and one.began_at < stop.told_at < one.ended_at:
                seconds = one.ended_at - stop.told_at
                self._stops.append(seconds)
                if seconds > _STOP_SECONDS:
                    self._add(SLOW_STOPS, f"after {seconds:.1f} s", "", "", stop.message)

    def _names_and_deletions(self) -> None:
        listed = {conversation for _, conversation in self._stored.conversations}
        for conversation, title in self._ledger.titles.items():
            if conversation in listed and self._stored.titles[conversation] != title:
                details = f"renamed {title!r}, listed as {self._stored.titles[conversation]!r}"
                self._add(DIFFERING, details, "", conversation, "")
        for conversation in self._ledger.deleted & listed:
            self._add(LEFT_BEHIND, "still listed", "", conversation, "")
        for (user, key), row in self._stored.rows.items():
            if row.conversation in self._ledger.deleted:
                self._add(LEFT_BEHIND, "still in the database", user, row.conversation, key)

    def _exhibit(self, exhibit: Exhibit) -> None:
        messages = self._stored.conversations.get((exhibit.user, exhibit.conversation), [])
        stored = {message["id"]: message for message in messages}
        if exhibit.conversation not in self._ledger.deleted:
            self._on_one_side(exhibit, stored)
        for key, (role, text, status) in exhibit.shown.items():
            if key not in stored:
                continue
            where = (exhibit.user, exhibit.conversation, key)
            kept = text_of(stored[key]["parts"])
            self._compare(kept, text, "stored", f"on the {exhibit.device}", *where)
            if key in exhibit.parts:
                found = exhibit.parts[key]
                self._same_parts(stored[key]["parts"], found, f"on the {exhibit.device}", where)
            kept_status = stored[key]["metadata"].get("status")
            if role == "assistant" and kept_status != status:
                details = f"stored as {kept_status}, {status} on the {exhibit.device}"
                self._add(LEFT_OPEN if status not in FINAL else DIFFERING, details, *where)
        for key, texts in exhibit.read.items():
            for text in texts:
                self._read(exhibit, key, text, stored.get(key), messages)

    def _on_one_side(self, exhibit: Exhibit, stored: dict[str, Json]) -> None:
        """What is only stored, or only shown, and could not have come or gone later."""
        name, where = exhibit.device, (exhibit.user, exhibit.conversation)
        missing = [key for key in exhibit.shown if key not in stored]
        # one that was made anew later is missing, and another stands in its place
        replaced = exhibit.doubt.anew and bool(missing)
        both = [key for key in exhibit.shown if key in stored]
        if both != [key for key in stored if key in exhibit.shown]:
            self._add(DIFFERING, f"the {name} shows messages in another order", *where, "")
        for key, message in stored.items():
            if key in exhibit.shown:
                continue
            if exhibit.doubt.more or replaced:
                self._not_compared += 1
            else:
                length = len(text_of(message["parts"])) or 1
                self._add(LOST, f"stored, and not shown by the {name}", *where, key, length)
        for key in missing:
            if exhibit.doubt.anew:
                self._not_compared += 1
            else:
                length = len(exhibit.shown[key][1]) or 1
                self._add(LOST, f"shown by the {name}, and not stored", *where, key, length)

    def _read(
        self, exhibit: Exhibit, key: str, text: str, message: Json | None, messages: list[Json]
    ) -> None:
        """Whoever read this must find it in what is kept."""
        where = (exhibit.user, exhibit.conversation, key)
        name = f"read on the {exhibit.device}"
        row = self._stored.rows.get((exhibit.user, key))
        if message is not None or row is not None:
            kept = text_of(message["parts"]) if message is not None else row.text if row else ""
            if not kept.startswith(text):
                lost = len(text) - len(_common(kept, text))
                at = len(text) - lost
                self._compared += len(text)
                details = f"{name}, and not in what is stored: {_short(text[at:])} at {at}"
                self._add(LOST, details, *where, lost)
            return
        marks = {m["id"] for m in messages if m["role"] == "user"}
        marks |= {shown for shown, (role, _, _) in exhibit.shown.items() if role == "user"}
        # of a conversation that was deleted, also what had left its view
        known = self._ledger.prompts
        marks |= {prompt.mark for prompt in known if prompt.conversation == exhibit.conversation}
        sent = [one for mark in marks for one in self._stored.sent.get(mark, [])]
        if sent:
            self._compare(_likest(sent, text).text, text, "sent", name, *where, early=True)

    def _every_prompt(self) -> None:
        found = Counter(
            (user, message["id"])
            for (user, _), messages in self._stored.conversations.items()
            for message in messages
            if message["role"] == "user"
        )
        found.update(
            key for key, row in self._stored.rows.items() if row.hidden and row.role == "user"
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
        deleted = prompt.conversation in self._ledger.deleted
        if prompt.answer is not None and not found and not deleted:
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


def _likest(sent: list[Sent], text: str) -> Sent:
    """Of all that was sent for a prompt, what this text was made from: no two begin alike."""
    return max(sent, key=lambda one: len(_common(one.text, text)))


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
