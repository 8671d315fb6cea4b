"""`make run`, started by a test."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from run.parts import ROOT, Ports
from testbed.hermetic import inherited
from testbed.ports import listens

WAIT = 50.0


@dataclass
class Run:
    """A `python -m run` on separate ports, without the developer's settings."""

    ports: Ports
    environment: dict[str, str]
    log: Path
    folder: Path = ROOT
    command: list[str] | None = None
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> "subprocess.Popen[bytes]":
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                self.command
                or [sys.executable, "-m", "run", "--settings", str(self.log.with_name("none.env"))],
                cwd=self.folder,
                env=inherited() | self.environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        return self.process

    def start_and_wait(self) -> "subprocess.Popen[bytes]":
        process = self.start()
        until = time.monotonic() + WAIT
        while "Ready: http://localhost:" not in self.said():
            assert process.poll() is None, self.said()
            assert time.monotonic() < until, self.said()
            time.sleep(0.05)
        return process

    def fails(self) -> str:
        """Its output when it does not start."""
        process = self.start()
        assert process.wait(WAIT) == 1
        return self.said()

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def children(self) -> list[int]:
        assert self.process is not None
        return children_of(self.process.pid)


def ends(run: Run, process: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    """After the signal, which a terminal sends to the whole group, no process is left."""
    children = run.children()
    assert children
    os.killpg(process.pid, number)
    assert process.wait(WAIT) == 0, run.said()
    assert not any(runs(pid) for pid in children)
    assert not any(listens(getattr(run.ports, name)) for name in Ports.__dataclass_fields__)


def wait_until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


def children_of(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    if listed.exists():
        return [int(child) for child in listed.read_text().split()]
    # as on macOS
    table = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True
    )
    pairs = (line.split() for line in table.stdout.splitlines())
    return [int(child) for child, parent in pairs if int(parent) == pid]


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
