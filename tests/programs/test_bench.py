"""The bench: real figures of a short run, and the tables made from its reports."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench import sizes
from bench.jobs import Load
from bench.report import Report, Row, as_text, read
from bench.runs import Pace
from bench.sizes import MEASURED, README, REPORTS, SCALING
from testbed import machine
from tests.conftest import needs


def short_run(folder: Path, *figures: str) -> tuple[Report, str]:
    command = [sys.executable, "-m", "bench", "--quick", "--only", *figures, "--into", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return read(folder / "bench.json"), done.stdout


def test_a_short_run_measures_checks_and_reports(tmp_path: Path) -> None:
    report, printed = short_run(tmp_path, "calls", "start")
    assert report.value("reply of ai:send, p50", "send") > 0
    assert report.value("start of the process to ready", "seconds") > 0
    assert report.versions["Centrifugo"]
    assert report.used[0].writes_per_token is not None
    assert as_text(report) == (tmp_path / "bench.md").read_text()
    assert "| reply of ai:send, p50 " in printed


@pytest.mark.timeout(240)
def test_a_browser_shows_the_same_over_both_transports(tmp_path: Path) -> None:
    needs(Chromium=machine.chromium())
    report, _ = short_run(tmp_path, "transport")
    first, by_http, over_centrifugo, *_ = (row.figure for row in report.rows)
    assert report.value(first, "bare") > 0
    assert report.value(first, "through") > 0
    assert "by HTTP" in by_http
    assert "over Centrifugo" in over_centrifugo
    in_chromium = [used for used in report.used if "in Chromium" in used.run]
    assert len(in_chromium) == 3
    assert all(used.cpu_seconds["renderer"] > 0 for used in in_chromium)
    assert report.versions["Chromium"]


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
