"""Short runs of the chaos program find nothing, unless a mechanism is removed."""

from collections import Counter
from pathlib import Path

import pytest

from chaos.app_user import ANSWER_IN_USECHAT
from chaos.breaker import Breaker
from chaos.findings import DOUBLED, LOST
from chaos.ledger import Ledger
from chaos.phase import Load, Result, Setup, run_phase
from testbed import frontend, machine
from testbed.deployment import Deployment
from testbed.link import Link
from tests.conftest import needs

ONE_MACHINE = Setup("memory", "sqlite", 1)
THREE_REPLICAS = Setup("redis", "postgresql", 3)
FAULTS = {
    ONE_MACHINE: (
        "API replies lost",
        "Centrifugo killed",
        "SQLite locked",
        "proxy server paused",
        "model's connections cut",
        "both killed, one after the other",
        "hostile user",
    ),
    THREE_REPLICAS: (
        "proxy server killed",
        "PostgreSQL restarted",
        "API connections cut",
        "Redis killed",
        "proxy server drained",
        "model's connections stalled",
        "hostile user",
        "PostgreSQL killed",
        "Redis restarted",
        "API connections stalled",
    ),
}
# no faults by the users, and answers long enough to be hit by those of the servers
STEADY = Load(
    users=4, answers=6, faults=2, rounds=2, seconds=30, pace=0.5, faulty=False, counts=(600,)
)
INTACT = "proxy_server"


def found(result: Result) -> Counter[str]:
    return Counter(violation.kind for violation in result.verdict.violations)


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    """The npm package, which the users' apps need."""
    frontend.build()


@pytest.mark.timeout(200)
@pytest.mark.parametrize("setup", [ONE_MACHINE, THREE_REPLICAS], ids=str)
async def test_whatever_breaks_no_text_suffers(setup: Setup, tmp_path: Path) -> None:
    if setup is THREE_REPLICAS:
        needs(redis=machine.redis_server(), postgresql=machine.postgres(), nginx=machine.nginx())
    only = FAULTS[setup]
    load = Load(users=10, answers=40, faults=30, seconds=120, pace=2, only=only)
    load = load.but(deciders=3, apps=2, app_deciders=1)
    result = await run_phase(setup, load, seed="20261124", folder=tmp_path)
    assert result.verdict.violations == []
    assert result.missing == []
    assert result.verdict.statuses["complete"] > 10
    assert result.verdict.compared > 10_000
    assert result.ledger.actions["answer that waited"] > 5
    assert result.ledger.actions[ANSWER_IN_USECHAT] > 5


def test_each_fault_is_committed_in_the_runs_above(tmp_path: Path) -> None:
    ways = set()
    for setup in FAULTS:
        deployment = Deployment(
            folder=tmp_path, engine=setup.engine, database=setup.database, replicas=setup.replicas
        )
        ways |= set(Breaker(deployment, Link(0), Link(0), "", Ledger(), 5).ways())
    assert {kind for kinds in FAULTS.values() for kind in kinds} == ways


@pytest.mark.timeout(300)
@pytest.mark.parametrize("careful", [True, False])
async def test_a_client_that_does_not_check_seq_is_found(*, careful: bool, tmp_path: Path) -> None:
    load = STEADY.but(careful=careful, only=("Centrifugo killed",))
    results = []
    # a kill at a quiet moment loses nothing, so a careless client gets three runs
    for seed in ("1",) if careful else ("1", "2", "3"):
        folder = tmp_path / seed
        folder.mkdir()
        results.append(found(await run_phase(ONE_MACHINE, load, seed=seed, folder=folder)))
        if results[-1][LOST]:
            break
    assert bool(results[-1][LOST]) is not careful
    assert not (careful and results[-1])


@pytest.mark.parametrize("careful", [True, False])
async def test_a_transport_that_loses_chunks_is_found(*, careful: bool, tmp_path: Path) -> None:
    load = STEADY.but(users=0, apps=4, careful=careful, faults=0, rounds=0, counts=(80,))
    result = await run_phase(ONE_MACHINE, load, seed="1", folder=tmp_path)
    assert bool(found(result)[LOST]) is not careful
    assert not (careful and found(result))


@pytest.mark.parametrize("module", [INTACT, "chaos.broken no-checkpoint"])
async def test_a_server_without_checkpoints_is_found(module: str, tmp_path: Path) -> None:
    load = STEADY.but(
        only=("both killed, one after the other",), answers=4, faults=1, rounds=1, counts=(2000,)
    )
    result = await run_phase(ONE_MACHINE, load, seed="1", folder=tmp_path, module=module)
    assert bool(found(result)[LOST]) is (module != INTACT)
    assert not (module == INTACT and found(result))


@pytest.mark.parametrize("module", [INTACT, "chaos.broken no-idempotency-key"])
async def test_a_server_without_idempotency_keys_is_found(module: str, tmp_path: Path) -> None:
    load = STEADY.but(only=("API replies lost",))
    result = await run_phase(ONE_MACHINE, load, seed="1", folder=tmp_path, module=module)
    assert bool(found(result)[DOUBLED]) is (module != INTACT)
    assert not (module == INTACT and found(result))
