"""The chaos program: random faults from a seed, and whether they damaged any text.

Without --engine, --database or --replicas it runs three phases: all on one machine, then Redis and
PostgreSQL with one replica, then with three. Its exit status is 1 if anything was lost, doubled,
different, cut short without a cause, left open or made twice, and 2 if less happened than was
requested.
"""

import argparse
import asyncio
import random
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import uvloop

from chaos import report
from chaos.phase import Database, Load, Result, Setup, run_phase
from testbed import machine

PHASES = (
    Setup("memory", "sqlite", 1),
    Setup("redis", "postgresql", 1, "http"),
    Setup("redis", "postgresql", 3),
)
_DECIDERS = 4


def main() -> int:
    options = _options()
    setups = _setups(options)
    if absent := _absent(setups):
        sys.exit(
            f"Missing on this machine: {', '.join(absent)}. `make machine` says how to install it."
        )
    # the phases share the requested answers and faults
    load = Load(
        users=options.users,
        answers=-(-options.answers // len(setups)),
        faults=-(-options.faults // len(setups)),
        seconds=options.seconds,
        rounds=options.rounds,
        deciders=_DECIDERS if options.users else 0,
        apps=options.apps,
        app_deciders=options.apps // 3,
    )
    print(f"seed {options.seed}", flush=True)
    results = []
    for number, setup in enumerate(setups, 1):
        folder = Path(tempfile.mkdtemp(prefix="chaos-"))
        # the accounts of PostgreSQL and nginx must pass through it
        folder.chmod(0o755)
        results.append(_run(setup, load, f"{options.seed}/{number}", folder))
    print(f"\n{report.table(results)}\n")
    print(report.notes(options.seed, options.users, results))
    if options.json is not None:
        options.json.write_text(report.as_json(options.seed, results) + "\n")
    if not report.clean(results):
        return 1
    return 0 if report.long_enough(results) else 2


def _run(setup: Setup, load: Load, seed: str, folder: Path) -> Result:
    async def phase() -> Result:
        task = asyncio.current_task()
        assert task is not None
        # like Ctrl-C: the parts are ended before this program exits
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await run_phase(setup, load, seed=seed, folder=folder, say=_say)

    result = uvloop.run(phase())
    if result.verdict.violations:
        print(f"\n{setup}: logs are in {folder}\n{report.details(result, folder)}\n", flush=True)
    else:
        shutil.rmtree(folder)
    return result


def _say(line: str) -> None:
    print(line, flush=True)


def _setups(options: argparse.Namespace) -> list[Setup]:
    if not (options.engine or options.database or options.replicas):
        return list(PHASES)
    replicas = options.replicas or 1
    database: Database = options.database or ("sqlite" if replicas == 1 else "postgresql")
    return [Setup(options.engine or "memory", database, replicas, options.api)]


def _absent(setups: list[Setup]) -> list[str]:
    packages = set()
    for setup in setups:
        packages |= {"redis-server"} if setup.engine == "redis" else set()
        packages |= {"postgresql"} if setup.database == "postgresql" else set()
        packages |= {"nginx"} if setup.replicas > 1 else set()
    return machine.missing(sorted(packages))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    add = parser.add_argument
    add("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    add("--answers", type=int, default=2000, help="answers in total, at least")
    add("--faults", type=int, default=500, help="faults of the parts and of networks, at least")
    add("--rounds", type=int, default=5, help="how often each part breaks in each way, at least")
    add("--users", type=int, default=40, help="users at once")
    add("--apps", type=int, default=6, help="users of apps with useChat, at once")
    add("--seconds", type=float, default=900, help="longest time of a phase")
    add("--api", choices=("grpc", "http"), default="grpc", help="how Centrifugo is called")
    add("--engine", choices=("memory", "redis"), help="Centrifugo's engine")
    add("--database", choices=("sqlite", "postgresql"))
    add("--replicas", type=int, choices=(1, 3))
    add("--json", type=Path, metavar="FILE", help="writes all figures there, too")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit("Stopped before the end: no verdict.")
