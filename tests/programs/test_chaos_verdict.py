"""What the chaos program concludes from what was shown: the verdict and the report."""

import json
import time
from collections import Counter
from typing import Any

import pytest

from chaos import report
from chaos.findings import DIFFERING, DOUBLED, LEFT_OPEN, LOST
from chaos.ledger import Cause, Doubt, Exhibit, Fault, Ledger, Prompt, Recovery, Stop
from chaos.phase import Result, Setup
from chaos.stored import Row, Sent, Stored
from chaos.verdict import (
    DUPLICATE_GENERATIONS,
    LEFT_BEHIND,
    NOT_COMPLETE,
    REFUSED_BUT_STORED,
    SLOW_STOPS,
    WITHOUT_CAUSE,
    Verdict,
    judge,
)
from testbed.text import text

FULL = text(50)
BEGAN, ENDED, CLOSED = 10.0, 12.0, 12.5


def verdict_on(
    *,
    stored: str = FULL,
    status: str = "complete",
    shown: str | None = None,
    read: str | None = None,
    whole: bool = True,
    requests: int = 1,
    refused: bool = False,
    prompt: str = "/tokens 50",
    causes: list[Cause] | None = None,
    stops: list[Stop] | None = None,
    deleted: bool = False,
) -> Counter[str]:
    """Characters by kind, for one answer of which the model sent FULL from BEGAN to ENDED."""
    shown = stored if shown is None else shown
    answer: dict[str, Any] = {
        "id": "answer",
        "role": "assistant",
        "parts": [{"type": "text", "text": stored}],
        "metadata": {"status": status, "created_at": time.time() - time.monotonic() + BEGAN},
    }
    question: dict[str, Any] = {"id": "prompt", "role": "user", "parts": [], "metadata": {}}
    exhibit = Exhibit(
        "anna",
        "conversation",
        "first device",
        {"prompt": ("user", "", None), "answer": ("assistant", shown, status)},
        {"answer": [shown if read is None else read]},
        {"answer": CLOSED},
        Doubt(),
    )
    ledger = Ledger(
        prompts=[Prompt("anna", "prompt", "prompt", prompt, "answer", refused=refused)],
        exhibits=[exhibit],
        causes=causes or [],
        stops=stops or [],
        deleted={"conversation"} if deleted else set(),
    )
    sent = [Sent(FULL, whole, False, BEGAN, ENDED)] * requests
    verdict = judge(
        ledger,
        Stored(
            {("anna", "conversation"): [question, answer]},
            {"conversation": "A title"},
            {("anna", "answer"): Row("conversation", stored, status)},
            0,
            {"prompt": [*sent, Sent("", False, True, BEGAN, BEGAN)]},
        ),
    )
    return kinds(verdict)


def kinds(verdict: Verdict) -> Counter[str]:
    counted: Counter[str] = Counter()
    for violation in verdict.violations:
        counted[violation.kind] += violation.characters
    return counted


def test_the_verdict_is_clean_where_nothing_is_wrong() -> None:
    assert verdict_on() == {}
    killed = Cause("interrupted", 11, 11.1)
    assert verdict_on(stored=FULL[:30], status="interrupted", causes=[killed]) == {}
    stopped = Cause("stopped", 11, 11.1, "conversation")
    assert verdict_on(stored="", status="stopped", causes=[stopped]) == {}
    assert verdict_on(stored=FULL[:30], status="failed", prompt="/stall 50") == {}
    cut = Cause("failed", 12.4, 12.4)
    assert verdict_on(stored=FULL[:30], status="failed", whole=False, causes=[cut]) == {}
    in_time = Stop("prompt", "answer", ENDED - 0.8, ENDED - 0.7)
    assert verdict_on(stops=[in_time]) == {}


def test_the_verdict_tells_what_is_wrong() -> None:
    holed = FULL[:20] + FULL[27:]
    assert verdict_on(stored=holed)[LOST] >= 7
    assert verdict_on(shown=holed)[LOST] >= 7
    assert verdict_on(stored=FULL[:-3])[LOST] == 3
    assert verdict_on(stored=FULL[:20], status="interrupted", read=FULL[:25])[LOST] == 5
    assert verdict_on(shown=FULL[:20] + FULL[10:])[DOUBLED] == 10
    assert verdict_on(shown=FULL[:20] + "~" + FULL[21:])[DIFFERING] == 1
    assert verdict_on(status="streaming")[LEFT_OPEN]
    assert verdict_on(requests=2)[DUPLICATE_GENERATIONS] == 1
    assert verdict_on(refused=True)[REFUSED_BUT_STORED] == 1
    assert verdict_on(deleted=True)[LEFT_BEHIND] == 2
    late = Stop("prompt", "answer", ENDED - 1.3, ENDED - 1.1)
    assert verdict_on(stops=[late])[SLOW_STOPS] == 1


def test_an_answer_that_the_model_broke_off_is_not_complete() -> None:
    assert verdict_on(whole=False) == {NOT_COMPLETE: 1}


@pytest.mark.parametrize("status", ["interrupted", "failed", "stopped"])
def test_an_early_end_needs_a_cause(status: str) -> None:
    causes = [
        Cause(status, BEGAN - 2, BEGAN - 1),
        Cause(status, CLOSED + 1),
        Cause(status, BEGAN, ENDED, "another conversation"),
        Cause(status, BEGAN, ENDED, "conversation", "another message"),
        *(Cause(one, BEGAN) for one in ("interrupted", "failed", "stopped") if one != status),
    ]
    for begun in (FULL[:30], FULL, ""):
        assert verdict_on(stored=begun, status=status, causes=causes) == {WITHOUT_CAUSE: 1}
        enough = [Cause(status, CLOSED, message="answer")]
        assert verdict_on(stored=begun, status=status, causes=enough) == {}


def looked_at(doubt: Doubt, *, shown: set[str], stored: set[str]) -> tuple[Counter[str], int]:
    """The verdict on answers that are on one side only, and how many it excuses."""
    exhibit = Exhibit(
        "anna",
        "conversation",
        "first device",
        dict.fromkeys(shown, ("assistant", "", "complete")),
        {},
        {},
        doubt,
    )
    messages = [
        {"id": key, "role": "assistant", "parts": [], "metadata": {"status": "complete"}}
        for key in stored
    ]
    rows = {("anna", key): Row("conversation", "", "complete") for key in stored}
    whole = [Sent("", True, False, BEGAN, ENDED)]
    verdict = judge(
        Ledger(exhibits=[exhibit]),
        Stored({("anna", "conversation"): messages}, {}, rows, 0, {"": whole}),
    )
    return kinds(verdict), verdict.not_compared


def test_a_doubt_excuses_its_own_direction_alone() -> None:
    more, anew = Doubt(more=True), Doubt(anew=True)
    for doubt in (Doubt(), anew):
        assert looked_at(doubt, shown={"a"}, stored={"a", "b"}) == ({LOST: 1}, 0)
    for doubt in (Doubt(), more):
        assert looked_at(doubt, shown={"a", "b"}, stored={"a"}) == ({LOST: 1}, 0)
    assert looked_at(more, shown={"a"}, stored={"a", "b"}) == ({}, 1)
    assert looked_at(anew, shown={"a", "b"}, stored={"a"}) == ({}, 1)
    assert looked_at(anew, shown={"a", "b"}, stored={"a", "c"}) == ({}, 2)


def test_nobody_is_given_time_while_others_stand_in() -> None:
    ledger = Ledger(faults=[Fault("PostgreSQL killed", 5, 8), Fault("killed", 9, borne=True)])
    assert ledger.calm_since() == 9
    assert ledger.breaking() == ["killed"]
    ledger.faults.append(Fault("Redis killed", 10))
    assert ledger.calm_since() == pytest.approx(time.monotonic(), abs=1)
    assert not ledger.calm(8.5, 9.5)
    assert ledger.calm(8.5, 8.9)


def test_a_report_tells_what_was_found_and_what_is_missing() -> None:
    ledger = Ledger(
        faults=[Fault("Redis killed", 5, 8)],
        recoveries=[Recovery(2.25, "Redis killed"), Recovery(7.5, "a kill", borne=True)],
    )
    ledger.disturbances["away"] = 3
    verdict = Verdict([], Counter(complete=4), 1234, 5, 6, [0.25])
    results = [
        Result(Setup("redis", "postgresql", 3), ledger, verdict, 60, ["answers: 4 of 5"])
        for _ in range(2)
    ]
    table = report.table(results)
    for row in (
        "| faults of the parts | 1 | 1 | 2 |",
        "| · away | 3 | 3 | 6 |",
        "| messages that may be on one side only | 5 | 5 | 10 |",
        f"| **{WITHOUT_CAUSE}** | **0** | **0** | **0** |",
        f"| {report.RECOVERY} | 2.2 s | 2.2 s | 2.2 s |",
        f"| {report.RECOVERY_BORNE} | 7.5 s | 7.5 s | 7.5 s |",
    ):
        assert row in table
    assert "answers: 4 of 5" in report.notes(1, 2, results)
    assert json.loads(report.as_json(1, results))["phases"][0]["missing"] == ["answers: 4 of 5"]
    assert report.clean(results)
    assert not report.long_enough(results)
