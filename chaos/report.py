"""The table of a run, its violations with everything that helps to find the cause, and its JSON."""

import json
import platform
import subprocess
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from centrifugo.build import binary
from chaos.findings import LEFT_OPEN
from chaos.in_step import IN_STEP_SECONDS
from chaos.ledger import FINAL, Recovery, Violation
from chaos.phase import SETTINGS, Result
from chaos.verdict import KINDS
from testbed import machine

_MOST_VIOLATIONS = 30
_MOST_LOG_LINES = 12
_LOG_LINE = 400
_LEFT_OUT = (
    "Left out on purpose: a proxy server and a Centrifugo that keeps its history in memory, both "
    "gone within one checkpoint interval. What was shown since the checkpoint is lost."
)
RECOVERY = "worst recovery, from when all parts are back"
RECOVERY_BORNE = "worst recovery from a server that is gone, by the others"
_ONE_SIDE = (
    "A message may be on one side only where a call brought no reply: the device cannot know of "
    "what it had begun, or shows what was made anew meanwhile. Its text is compared with what the "
    "model sent, as that of all others, and not with the device."
)
_NAMES = {100: "100, from Centrifugo: the service did not answer it"}


def table(results: Sequence[Result]) -> str:
    """What happened and the results, one column per phase, in Markdown."""
    columns = [str(result.setup) for result in results] + ["all"] * (len(results) > 1)
    rows = [["", *columns], ["---", *["---:"] * len(columns)]]

    def row(name: str, counts: list[int], *, strong: bool = False) -> None:
        mark = "**" if strong else ""
        total = [sum(counts)] * (len(counts) > 1)
        rows.append([f"{mark}{cell}{mark}" for cell in (name, *map("{:,}".format, counts + total))])

    def tally(name: str, tallies: list[Counter[Any]], keys: Iterable[Any]) -> None:
        row(name, [one.total() for one in tallies])
        for key in keys:
            row(f"· {_NAMES.get(key, key)}", [one[key] for one in tallies])

    ledgers, verdicts = [r.ledger for r in results], [r.verdict for r in results]
    row("prompts", [len(ledger.prompts) for ledger in ledgers])
    tally("answers", [verdict.statuses for verdict in verdicts], FINAL)
    refusals = [ledger.refusals for ledger in ledgers]
    tally("refusals, tried again or given up", refusals, sorted(set().union(*refusals)))
    for name, tallies in (
        ("faults of the parts", [ledger.kinds() for ledger in ledgers]),
        ("faults of users' networks", [ledger.disturbances for ledger in ledgers]),
        ("what users did meanwhile", [ledger.actions for ledger in ledgers]),
    ):
        tally(name, tallies, _most_common(tallies))
    row("the model fell silent or broke off", [verdict.model_faults for verdict in verdicts])
    row("moments when the machine stood still", [len(ledger.stalls) for ledger in ledgers])
    row("characters compared", [verdict.compared for verdict in verdicts])
    row("messages that may be on one side only", [verdict.not_compared for verdict in verdicts])
    for kind in KINDS:
        name = f"{kind} after {IN_STEP_SECONDS:.0f} s" if kind == LEFT_OPEN else kind
        row(name, [violations_of(result, kind) for result in results], strong=True)
    for name, figures in (
        (RECOVERY, [_seconds(ledger.recoveries, borne=False) for ledger in ledgers]),
        (RECOVERY_BORNE, [_seconds(ledger.recoveries, borne=True) for ledger in ledgers]),
        ("slowest stop", [verdict.stops for verdict in verdicts]),
    ):
        worst = [max(one, default=0.0) for one in figures]
        worst += [max(worst)] * (len(worst) > 1)
        rows.append([name, *(f"{seconds:.1f} s" for seconds in worst)])
    rows.append(["duration", *(f"{r.seconds:.0f} s" for r in results)])
    rows[-1] += [f"{sum(r.seconds for r in results):.0f} s"] * (len(results) > 1)
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def notes(seed: int, users: int, results: Iterable[Result]) -> str:
    """The remarks beside the table."""
    given = ", ".join(f"{name}={value}" for name, value in SETTINGS.items())
    parts = ", ".join(f"{name} {version}" for name, version in versions().items())
    lines = [
        f"Seed {seed}: it repeats every decision, not the timing. {users} users. {parts}.",
        f"Settings that differ from the defaults: {given}.",
        _LEFT_OUT,
        _ONE_SIDE,
    ]
    lines += [
        f"Too short: {result.setup}: {what}." for result in results for what in result.missing
    ]
    return "\n".join(lines)


def violations_of(result: Result, kind: str) -> int:
    """The number of characters, or of cases if no characters are concerned."""
    return sum(one.characters for one in result.verdict.violations if one.kind == kind)


def clean(results: Iterable[Result]) -> bool:
    return not any(result.verdict.violations for result in results)


def long_enough(results: Iterable[Result]) -> bool:
    """Whether all that was requested has happened."""
    return not any(result.missing for result in results)


def _seconds(recoveries: Iterable[Recovery], *, borne: bool) -> list[float]:
    return [one.seconds for one in recoveries if one.borne == borne]


def details(result: Result, folder: Path) -> str:
    """Each violation with the related lines of the servers' logs."""
    found = result.verdict.violations
    lines = []
    for one in found[:_MOST_VIOLATIONS]:
        where = " ".join(filter(None, (one.user, one.conversation, one.message)))
        lines.append(f"{one.kind} ({one.characters}): {one.details} [{where}]")
        lines += [f"    {line}" for line in _logged(one, folder)]
    if len(found) > _MOST_VIOLATIONS:
        lines.append(f"… and {len(found) - _MOST_VIOLATIONS} more")
    return "\n".join(lines)


def as_json(seed: int, results: Sequence[Result]) -> str:
    return json.dumps(
        {
            "seed": seed,
            "versions": versions(),
            "settings": SETTINGS,
            "phases": [_phase(r) for r in results],
        },
        indent=2,
    )


def versions() -> dict[str, str]:
    """The versions of the real parts that this machine has."""
    postgres = machine.postgres()
    commands = {
        "Centrifugo": [str(binary()), "version"],
        "Redis": [str(machine.redis_server()), "--version"],
        "PostgreSQL": [str(postgres / "postgres") if postgres else "postgres", "--version"],
        "nginx": [str(machine.nginx()), "-v"],
    }
    found = {"Python": platform.python_version()}
    for name, command in commands.items():
        try:
            said = subprocess.run(command, capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            continue
        words = (said.stdout + said.stderr).replace("v=", "").replace("nginx/", "").split()
        found[name] = next(
            word.strip("v,") for word in words if word.strip("v")[:1].isdigit() and "." in word
        )
    return found


def _most_common(tallies: Iterable[Counter[str]]) -> list[str]:
    total: Counter[str] = Counter()
    for tally in tallies:
        total.update(tally)
    return [key for key, _ in total.most_common()]


def _logged(violation: Violation, folder: Path) -> list[str]:
    key = violation.message or violation.conversation
    if not key:
        return []
    lines = [
        f"{log.name}: {line[:_LOG_LINE]}"
        for log in sorted(folder.glob("server-*.log"))
        for line in log.read_text(errors="replace").splitlines()
        if key in line
    ]
    return lines[:_MOST_LOG_LINES]


def _phase(result: Result) -> dict[str, Any]:
    ledger, verdict = result.ledger, result.verdict
    return {
        "setup": str(result.setup),
        "seconds": round(result.seconds, 1),
        "prompts": len(ledger.prompts),
        "answers": verdict.statuses,
        "refusals": ledger.refusals,
        "faults_of_parts": ledger.kinds(),
        "faults_of_networks": ledger.disturbances,
        "faults_of_the_model": verdict.model_faults,
        "actions": ledger.actions,
        "characters_compared": verdict.compared,
        "messages_not_compared": verdict.not_compared,
        "missing": result.missing,
        **{kind.replace(" ", "_"): violations_of(result, kind) for kind in KINDS},
        "slowest_stop_seconds": round(max(verdict.stops, default=0.0), 2),
        "slowest_recoveries": [
            {"seconds": round(one.seconds, 2), "after": one.after, "borne_by_others": one.borne}
            for one in sorted(ledger.recoveries, reverse=True)[:20]
        ],
        "violations": [
            {
                "kind": one.kind,
                "details": one.details,
                "user": one.user,
                "conversation": one.conversation,
                "message": one.message,
                "characters": one.characters,
            }
            for one in verdict.violations
        ],
    }
