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
from bench.site import Site, WrongTextError

FIGURES: dict[str, Callable[[Site], list[Row]]] = {
    "tokens": costs.tokens,
    "capacity": capacity.capacity,
    "delays": delays.delays,
    "calls": delays.calls,
    "answers": costs.answers,
    "subscriptions": costs.subscriptions,
    "memory": costs.memory,
    "growth": costs.growth,
    "start": costs.start,
}
NOTES = [
    "CPU is all that the process under test used, with the cost of answers; nothing is subtracted.",
    "It has a core of its own; Centrifugo, the model and the load share the others.",
    "Every text was compared with what the model sent.",
]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short runs, for trying")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the report goes as JSON")
    parser.add_argument("--only", nargs="+", choices=FIGURES, default=list(FIGURES), metavar="NAME")
    options = parser.parse_args()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        with Site(Path(folder), options.quick) as site:
            try:
                site.run(Load(streams=20, tokens=50))
                for name in options.only:
                    print(f"{name} …", file=sys.stderr, flush=True)
                    rows += FIGURES[name](site)
            except WrongTextError as error:
                sys.exit(f"No result: {error}.")
        report = Report(machine(), versions(), rows, site.cpu_of_runs, NOTES)
    print(as_text(report))
    if options.json:
        options.json.write_bytes(as_json(report))


if __name__ == "__main__":
    main()
