"""A process as `make run` and the tests start it, with what it leaves behind."""

import signal
import sys
from pathlib import Path

import pytest

from run.process import NotReadyError, Running
from tests.programs.running import WAIT, runs, wait_until

# its child is in the same group, and stays when it ends
PROGRAM = """
import signal, subprocess, sys, time

child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
signal.signal(signal.SIGTERM, lambda *_: {ends} and sys.exit(3))
print(child.pid, flush=True)
while True:
    time.sleep(0.01)
"""


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "output"


def started(output: Path, program: str) -> Running:
    with output.open("wb") as file:
        return Running([sys.executable, "-c", program], {}, output=file)


def with_child(output: Path, *, ends: bool) -> tuple[Running, int]:
    running = started(output, PROGRAM.format(ends=ends))
    running.wait_until(lambda: output.read_text().endswith("\n"), WAIT)
    return running, int(output.read_text())


def test_what_a_process_leaves_behind_ends_with_it(output: Path) -> None:
    running, child = with_child(output, ends=True)
    assert running.end(signal.SIGTERM, WAIT) == 3
    wait_until(lambda: not runs(child))


def test_who_does_not_end_is_killed_with_all_that_it_started(output: Path) -> None:
    running, child = with_child(output, ends=False)
    assert running.end(signal.SIGTERM, 0.1) == -signal.SIGKILL
    wait_until(lambda: not runs(child))


def test_who_is_asked_twice_does_not_wait(output: Path) -> None:
    running, _ = with_child(output, ends=False)
    assert running.end(signal.SIGTERM, float("inf"), lambda: True) == -signal.SIGKILL


def test_one_that_ends_before_it_is_ready(output: Path) -> None:
    running = started(output, "raise SystemExit(5)")
    with pytest.raises(NotReadyError, match="ended with status 5"):
        running.wait_until(lambda: False, WAIT)
    assert running.end(signal.SIGTERM, WAIT) == 5


def test_one_that_is_not_ready_in_time(output: Path) -> None:
    running, _ = with_child(output, ends=False)
    with pytest.raises(NotReadyError, match="is not ready"):
        running.wait_until(lambda: False, 0.1)
    running.wait_until(lambda: False, WAIT, lambda: True)
    running.kill()
    assert running.status == -signal.SIGKILL
