"""Short runs of the chaos program are clean, and find what a missing mechanism loses or doubles."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from chaos.ledger import Exhibit, Ledger, Prompt
from chaos.phase import Load, Result, Setup, run_phase
from chaos.stored import Sent, Stored
from chaos.verdict import (
    DIFFERING,
    DOUBLED,
    DUPLICATE_GENERATIONS,
    LEFT_OPEN,
    LOST,
    REFUSED_BUT_STORED,
    judge,
)
from testbed import machine
from testbed.text import text
from tests.conftest import needs

ONE_MACHINE = Setup("memory", "sqlite", 1)
THREE_REPLICAS = Setup("redis", "postgresql", 3)
# no fault of the users' own, and answers long enough to be met by those of the servers
STEADY = Load(users=4, answers=6, faults=2, seconds=30, pace=0.5, faulty=False, counts=(600,))


def found(result: Result) -> Counter[str]:
    return Counter(violation.kind for violation in result.verdict.violations)


@pytest.mark.timeout(150)
@pytest.mark.parametrize("setup", [ONE_MACHINE, THREE_REPLICAS], ids=str)
async def test_whatever_breaks_no_text_suffers(setup: Setup, tmp_path: Path) -> None:
    if setup is THREE_REPLICAS:
        needs(redis=machine.redis_server(), postgresql=machine.postgres(), nginx=machine.nginx())
    load = Load(users=10, answers=40, faults=30, seconds=25, pace=2)
    result = await run_phase(setup, load, seed="20261124", folder=tmp_path)
    assert result.verdict.violations == []
    assert result.verdict.statuses["complete"] > 10
    assert result.verdict.compared > 10_000
    assert result.ledger.faults.total() >= 20


@pytest.mark.timeout(120)
async def test_a_client_that_does_not_check_seq_is_found(tmp_path: Path) -> None:
    load = STEADY.but(careful=False, only=("Centrifugo killed",), faults=4)
    result = await run_phase(ONE_MACHINE, load, seed="1", folder=tmp_path)
    assert found(result)[LOST]


@pytest.mark.timeout(120)
async def test_a_server_without_checkpoints_is_found(tmp_path: Path) -> None:
    load = STEADY.but(
        only=("both killed, one after the other",), answers=4, faults=1, counts=(2000,)
    )
    result = await run_phase(
        ONE_MACHINE, load, seed="1", folder=tmp_path, module="chaos.broken no-checkpoint"
    )
    assert found(result)[LOST]


@pytest.mark.timeout(120)
async def test_a_server_without_idempotency_keys_is_found(tmp_path: Path) -> None:
    load = STEADY.but(only=("API replies lost",), faults=4)
    result = await run_phase(
        ONE_MACHINE, load, seed="1", folder=tmp_path, module="chaos.broken no-idempotency-key"
    )
    assert found(result)[DOUBLED]


FULL = text(50)


def verdict_on(
    *,
    stored: str = FULL,
    status: str = "complete",
    shown: str | None = None,
    read: str | None = None,
    requests: int = 1,
    refused: bool = False,
) -> Counter[str]:
    """Characters by kind, for one answer of which the model sent FULL."""
    shown = stored if shown is None else shown
    answer: dict[str, Any] = {
        "id": "answer",
        "role": "assistant",
        "parts": [{"type": "text", "text": stored}],
        "metadata": {"status": status},
    }
    prompt: dict[str, Any] = {"id": "prompt", "role": "user", "parts": [], "metadata": {}}
    exhibit = Exhibit(
        "anna",
        "conversation",
        "first device",
        {"prompt": ("user", "", None), "answer": ("assistant", shown, status)},
        {"answer": [shown if read is None else read]},
        uncertain=False,
    )
    ledger = Ledger(
        prompts=[Prompt("anna", "prompt", "prompt", "", "answer", refused=refused)],
        exhibits=[exhibit],
    )
    sent = [Sent(FULL, whole=True, retry=False)] * requests
    verdict = judge(
        ledger,
        Stored(
            {("anna", "conversation"): [prompt, answer]},
            {("anna", "answer"): (stored, status)},
            0,
            {"prompt": [*sent, Sent("", whole=False, retry=True)]},
        ),
    )
    kinds: Counter[str] = Counter()
    for violation in verdict.violations:
        kinds[violation.kind] += violation.characters
    return kinds


def test_the_verdict_is_clean_where_nothing_is_wrong() -> None:
    assert verdict_on() == {}
    assert verdict_on(stored=FULL[:30], status="interrupted") == {}
    assert verdict_on(stored="", status="stopped") == {}


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
