"""The command `python -m bench`: runs the figures and prints one table."""

import argparse
import sys
import tempfile
from pathlib import Path

from bench.figures import token_cost
from bench.machine import machine, versions
from bench.report import Report, as_json, as_text
from bench.site import Load, Site, WrongTextError


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short runs, for trying")
    parser.add_argument("--json", type=Path, help="where the report goes as JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, Site(Path(folder)) as site:
        site.run("warming up", Load(streams=20, tokens=50))
        try:
            rows = token_cost(site, tokens=100 if options.quick else 500)
        except WrongTextError as error:
            sys.exit(f"No result: {error}.")
        report = Report(machine(), versions(), rows, site.cpu_of_runs, [])
    print(as_text(report))
    if options.json:
        options.json.write_bytes(as_json(report))


if __name__ == "__main__":
    main()
