"""The bench: real figures of a short run, and the tables that are made from its reports."""

import subprocess
import sys
from pathlib import Path

from bench import sizes
from bench.jobs import Load
from bench.report import Row, as_text, read
from bench.runs import Pace
from bench.sizes import MEASURED, README, REPORTS, SCALING


def test_a_short_run_measures_checks_and_reports(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench", "--quick", "--only", "calls", "start"]
    done = subprocess.run(
        [*command, "--into", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    report = read(tmp_path / "bench.json")
    assert report.value("reply of ai:send, p50", "send") > 0
    assert report.value("start of the process to ready", "seconds") > 0
    assert report.versions["Centrifugo"]
    assert report.used[0].writes_per_token is not None
    assert as_text(report) == (tmp_path / "bench.md").read_text()
    assert "| reply of ai:send, p50 " in done.stdout


def test_a_model_that_falls_behind_makes_no_result() -> None:
    load = Load(streams=1, tokens=5, rate=50)
    on_time = Pace.of(load, [[0.0, 0.02, 0.04, 0.06, 0.08]])
    assert on_time.one_by_one
    late = Pace.of(load, [[0.0, 0.03, 0.06, 0.09, 0.12]])
    assert not late.steady
    caught_up = Pace.of(load, [[0.0, 0.02, 0.06, 0.06, 0.08]])
    assert caught_up.steady
    assert not caught_up.one_by_one
    row = Row.of("cost", "1 µs", ("≤ 2 µs", True), paces=[caught_up], one_by_one=True)
    assert row.met is None
    assert row.measured.startswith("no result")


def test_the_documents_have_the_tables_of_the_reports() -> None:
    scaling, measured, readme = (path.read_text() for path in (SCALING, MEASURED, README))
    bench = read(REPORTS / "bench.json")
    assert scaling == sizes.scaling(scaling, read(REPORTS / "scale.json"))
    assert measured == sizes.measured(measured, bench)
    assert readme == sizes.readme(readme, bench, measured)
