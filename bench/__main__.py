"""The command `python -m bench`: measures the figures, prints a table and stores it.

`scale` measures replicas instead, and `sizes` writes the tables of docs/scaling.md from the two
reports.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench import (
    apis,
    capacity,
    commits,
    costs,
    delays,
    hostile,
    own,
    searches,
    sizes,
    transport,
)
from bench.jobs import Load
from bench.load_process import LoadFailedError
from bench.report import Report, Row, as_text
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
    "own": own.own,
    "apis": apis.apis,
    "commits": commits.commits,
    "hostile": hostile.hostile,
    "searches": searches.searches,
    "transport": transport.transport,
}
# an incomplete run must not replace the report of a complete one
_TRIALS = Path(".cache/bench")
_LONGEST_ANSWER_SECONDS = 15
_EXACT = "Every text that a load showed was compared with what the model sent."
_RATIOS = "Rates and times are this machine's; ratios and CPU of one run are what to compare."
_PACE = (
    "Pace: the share of the asked rate at which the model wrote. Below 95 % is no result; where "
    "the cost of reading is compared, less than 0.95 writes per token are none either."
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("what", nargs="?", choices=["scale", "sizes"])
    parser.add_argument("--quick", action="store_true", help="short runs, to try it out")
    parser.add_argument("--only", nargs="+", choices=FIGURES, default=list(FIGURES), metavar="NAME")
    parser.add_argument("--into", type=Path, metavar="FOLDER", help="where the report goes")
    options = parser.parse_args()
    if options.what == "sizes":
        sizes.write()
        return
    whole = not options.quick and options.only == list(FIGURES)
    try:
        if options.what == "scale":
            report = _scale(quick=options.quick)
        else:
            report = _figures(options.only, quick=options.quick)
    except (WrongTextError, LoadFailedError) as error:
        sys.exit(f"No result: {error}.")
    print(as_text(report))
    for file in report.write(options.into or (sizes.REPORTS if whole else _TRIALS)):
        print(f"written: {file}", file=sys.stderr)


def _figures(names: list[str], *, quick: bool) -> Report:
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, Site(Path(folder), quick) as site:
        site.run(Load(streams=20, tokens=50))
        for name in names:
            print(f"{name} …", file=sys.stderr, flush=True)
            try:
                rows += FIGURES[name](site)
            except LoadFailedError as error:
                rows.append(Row(name, f"no result: {error}"))
                # answers that have begun would run beside the next measurement
                time.sleep(_LONGEST_ANSWER_SECONDS)
    cores = len(os.sched_getaffinity(0))
    notes = [
        (
            "CPU is all that the process under test used, with the cost of answers; nothing is "
            "subtracted."
        ),
        "It has a core of its own; Centrifugo, the model and the load share the others."
        if cores > 1
        else "It shares the only core with Centrifugo, the model and the load.",
        _EXACT,
        _PACE,
        _RATIOS,
    ]
    return Report.of("bench", rows, site.used, notes)


def _scale(*, quick: bool) -> Report:
    rows, used = scale(quick=quick)
    notes = [
        (
            "nginx, PostgreSQL, Redis, Centrifugo, the model, the load and all replicas share the "
            "machine's cores."
        ),
        _EXACT,
        _PACE,
        _RATIOS,
    ]
    return Report.of("scale", rows, used, notes)


if __name__ == "__main__":
    main()
