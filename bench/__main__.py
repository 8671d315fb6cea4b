"""The command `python -m bench`: measures the figures and prints one table."""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench import capacity, costs, delays
from bench.jobs import Load
from bench.machine import machine, versions
from bench.report import Report, Row, as_json, as_text
from bench.runs import WrongTextError
from bench.scale import scale
from bench.site import Site

FIGURES: dict[str, Callable[[Site], list[Row]]] = {
    # first: memory that an earlier run has left to the process would hide what this one needs
    "memory": costs.memory,
    "tokens": costs.tokens,
    "capacity": capacity.capacity,
    "delays": delays.delays,
    "calls": delays.calls,
    "answers": costs.answers,
    "subscriptions": costs.subscriptions,
    "growth": costs.growth,
    "start": costs.start,
}
_EXACT = "Every text was compared with what the model sent."


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("what", nargs="?", choices=["scale"], help="replicas, and nothing else")
    parser.add_argument("--quick", action="store_true", help="short runs, for trying")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the report goes as JSON")
    parser.add_argument("--only", nargs="+", choices=FIGURES, default=list(FIGURES), metavar="NAME")
    options = parser.parse_args()
    try:
        if options.what == "scale":
            report = _scale(quick=options.quick)
        else:
            report = _figures(options.only, quick=options.quick)
    except WrongTextError as error:
        sys.exit(f"No result: {error}.")
    print(as_text(report))
    if options.json:
        options.json.write_bytes(as_json(report))


def _figures(names: list[str], *, quick: bool) -> Report:
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, Site(Path(folder), quick) as site:
        site.run(Load(streams=20, tokens=50))
        for name in names:
            print(f"{name} …", file=sys.stderr, flush=True)
            rows += FIGURES[name](site)
    notes = [
        (
            "CPU is all that the process under test used, with the cost of answers; nothing is "
            "subtracted."
        ),
        "It has a core of its own; Centrifugo, the model and the load share the others.",
        _EXACT,
    ]
    return Report(machine(), versions(), rows, site.cpu_of_runs, notes)


def _scale(*, quick: bool) -> Report:
    rows, runs = scale(quick=quick)
    notes = [
        (
            "nginx, PostgreSQL, Redis, Centrifugo, the model, the load and all replicas share the "
            "machine's cores: what shows here is how evenly the work spreads and what it costs in "
            "all; tokens/s grow with cores."
        ),
        _EXACT,
    ]
    return Report(machine(), versions(), rows, {run.name: run.cpu for run in runs}, notes)


if __name__ == "__main__":
    main()
