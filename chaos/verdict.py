"""The verdict on a phase: what was sent, stored and shown, compared character by character."""

import math
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from chaos.exhibits import Exhibits
from chaos.files import NOT_WHOLE
from chaos.findings import (
    AROUND,
    DIFFERING,
    DOUBLED,
    LEFT_OPEN,
    LOST,
    OTHER_PARTS,
    Findings,
    likest,
    short,
)
from chaos.ledger import (
    FINAL,
    NOT_AS_DECIDED,
    TWO_DECISIONS,
    Ledger,
    Life,
    Prompt,
    Stop,
    Violation,
)
from chaos.parts import Parts, begins, comparable
from chaos.stored import Row, Sent, Stored, mark_of, text_of
from testbed.answers import chunks_of
from testbed.connection import Json

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
_STOP_SECONDS = 1.0
# the service's clock may differ from the monotonic one
_CLOCKS_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Verdict:
    """The results of a phase.

    statuses: how the answers ended.
    compared: characters of answers, over all comparisons.
    not_compared: messages that may rightly be on one side only, because a call had no reply.
    model_faults: how often the model fell silent or broke off, as the prompt had requested.
    stops: the seconds until the model learned of each stop, if nothing was broken.
    """

    violations: list[Violation]
    statuses: Counter[str]
    compared: int
    not_compared: int
    model_faults: int
    stops: list[float]


def judge(ledger: Ledger, stored: Stored) -> Verdict:
    """Compares each answer with the model's record, the database and every device; each prompt too.

    A complete answer must be exactly what the model sent, to its end, in the store and on every
    device. One that ended early must have had a cause, be a beginning of what was sent, be the same
    in the store and on every device, and contain all that was ever shown. The text that was seen of
    an answer that was removed later must also be a beginning of what the model sent.
    """
    return _Judge(ledger, stored).verdict()


class _Judge:
    def __init__(self, ledger: Ledger, stored: Stored) -> None:
        self._ledger = ledger
        self._stored = stored
        self._findings = Findings(ledger.violations)
        self._statuses: Counter[str] = Counter()
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
        exhibits = Exhibits(self._ledger, self._stored, self._findings)
        for exhibit in self._ledger.exhibits:
            exhibits.judge(exhibit)
        self._every_prompt()
        for stop in self._ledger.stops:
            self._stop(stop)
        self._names_and_deletions()
        for repeat in self._ledger.repeats.values():
            self._findings.add(
                DOUBLED,
                f"published twice: seq {repeat.seq} {short(repeat.text)}",
                "",
                "",
                repeat.message,
                len(repeat.text) or 1,
            )
        if self._stored.unfinished:
            self._findings.add(
                LEFT_OPEN, f"{self._stored.unfinished} rows of work that is over", "", "", ""
            )
        broken = [one.id for one in self._ledger.prompts if one.model_breaks]
        return Verdict(
            self._findings.violations,
            self._statuses,
            self._findings.compared,
            exhibits.not_compared,
            sum(len(self._stored.sent.get(mark, ())) for mark in broken),
            self._stops,
        )

    def _answer(self, user: str, conversation: str, prompt: str, answer: Json) -> None:
        key, text, status = answer["id"], text_of(answer["parts"]), answer["metadata"]["status"]
        where = (user, conversation, key)
        self._statuses[status] += 1
        if status not in FINAL:
            self._findings.add(LEFT_OPEN, f"stored as {status}", *where)
        sent = self._stored.sent.get(prompt, [])
        if not sent and (text or status == "complete"):
            self._findings.add(
                DIFFERING, f"the model sent nothing, stored is {short(text)}", *where
            )
        elif status == "complete":
            self._complete(sent, text, where)
        elif text:
            self._findings.compare(
                likest(sent, text).text, text, "sent", "stored", *where, early=True
            )
        if status != "complete" and status in FINAL:
            life = Life(self._began(answer, sent, text), self._closed.get(key, math.inf))
            self._early(prompt, status, life, where)
        row = self._stored.rows.get((user, key), Row(conversation, "", "missing"))
        self._findings.compare(text, row.text, "told by the service", "in the database", *where)
        if row.parts:
            self._findings.same_parts(answer["parts"], row.parts, "in the database", where)
        known = self._prompts.get(prompt)
        if known is not None and known.model and sent:
            self._made_parts(likest(sent, text).text, answer, where)
        if row.status != status:
            self._findings.add(DIFFERING, f"status {status}, in the database {row.status}", *where)

    def _made_parts(self, sent: str, answer: Json, where: tuple[str, str, str]) -> None:
        """Whether the parts are those of what was sent, or a beginning of them."""
        made = Parts()
        for chunk in chunks_of(sent):
            made.apply(chunk)
        wanted, stored = made.shown(), [comparable(part) for part in answer["parts"]]
        complete = answer["metadata"]["status"] == "complete"
        if wanted != stored if complete else not begins(wanted, stored):
            details = f"should be {short(str(wanted))}, stored {short(str(stored))}"
            self._findings.add(OTHER_PARTS, details, *where)

    def _complete(self, sent: list[Sent], text: str, where: tuple[str, str, str]) -> None:
        whole = [one for one in sent if one.whole]
        if whole:
            self._findings.compare(likest(whole, text).text, text, "sent", "stored", *where)
        else:
            details = f"the model broke off after {short(likest(sent, text).text[-AROUND:])}"
            self._findings.add(NOT_COMPLETE, details, *where)

    def _began(self, answer: Json, sent: list[Sent], text: str) -> float:
        # A server that is paused right after it has stored a prompt loses the lease meanwhile, and
        # asks the model only when it goes on: an interruption counts from the prompt.
        interrupted = answer["metadata"]["status"] == "interrupted"
        if text and sent and not interrupted:
            return likest(sent, text).began_at
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
            self._findings.add(WITHOUT_CAUSE, during, *where)

    def _stop(self, stop: Stop) -> None:
        """Whether the provider's request ended within a second; only if nothing was broken."""
        if not self._ledger.calm(stop.asked_at, stop.told_at + _STOP_SECONDS):
            return
        for one in self._stored.sent.get(stop.mark, ()):
            if one.text and one.began_at < stop.told_at < one.ended_at:
                seconds = one.ended_at - stop.told_at
                self._stops.append(seconds)
                if seconds > _STOP_SECONDS:
                    self._findings.add(SLOW_STOPS, f"after {seconds:.1f} s", "", "", stop.message)

    def _names_and_deletions(self) -> None:
        listed = {conversation for _, conversation in self._stored.conversations}
        for conversation, title in self._ledger.titles.items():
            if conversation in listed and self._stored.titles[conversation] != title:
                details = f"renamed {title!r}, listed as {self._stored.titles[conversation]!r}"
                self._findings.add(DIFFERING, details, "", conversation, "")
        for conversation in self._ledger.deleted & listed:
            self._findings.add(LEFT_BEHIND, "still listed", "", conversation, "")
        for (user, key), row in self._stored.rows.items():
            if row.conversation in self._ledger.deleted:
                self._findings.add(
                    LEFT_BEHIND, "still in the database", user, row.conversation, key
                )

    def _every_prompt(self) -> None:
        found = Counter(
            (user, mark_of(text_of(message["parts"]), message["id"]))
            for (user, _), messages in self._stored.conversations.items()
            for message in messages
            if message["role"] == "user"
        )
        found.update(
            (user, mark_of(row.text, key))
            for (user, key), row in self._stored.rows.items()
            if row.hidden and row.role == "user"
        )
        for prompt in self._ledger.prompts:
            self._prompt(prompt, found[prompt.user, prompt.id])

    def _prompt(self, prompt: Prompt, found: int) -> None:
        where = (prompt.user, "", prompt.answer or prompt.id)
        requests = sum(not one.retry for one in self._stored.sent.get(prompt.id, []))
        certainly_refused = prompt.refused and not prompt.uncertain
        if certainly_refused and found:
            self._findings.add(REFUSED_BUT_STORED, f"prompt {prompt.id}", *where)
        if found > 1:
            self._findings.add(
                DUPLICATE_MESSAGES, f"prompt {prompt.id} is stored {found} times", *where
            )
        deleted = prompt.conversation in self._ledger.deleted
        if prompt.answer is not None and not found and not deleted:
            self._findings.add(
                LOST, f"accepted prompt {prompt.id} is not stored", *where, len(prompt.text)
            )
        asked = 0 if certainly_refused else prompt.asked
        if requests > asked:
            details = f"prompt {prompt.id}: {requests} requests to the model instead of {asked}"
            for _ in range(requests - asked):
                self._findings.add(DUPLICATE_GENERATIONS, details, *where)


def _turns(messages: list[Json]) -> Iterator[tuple[str, Json]]:
    """Each answer with the mark of the prompt before it."""
    prompt = ""
    for message in messages:
        if message["role"] == "user":
            prompt = mark_of(text_of(message["parts"]), message["id"])
        else:
            yield prompt, message
