"""`make run`, started by a test."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from run.parts import ROOT, Ports
from testbed.ports import listens
from testbed.process import Process

WAIT = 50.0


@dataclass
class Run(Process):
    """A `python -m run` on separate ports, without the developer's settings."""

    environment: dict[str, str] = field(default_factory=dict)
    ports: Ports = field(kw_only=True)

    @classmethod
    def on(cls, ports: Ports, environment: dict[str, str], log: Path) -> "Run":
        command = [sys.executable, "-m", "run", "--settings", str(log.with_name("none.env"))]
        return cls("make run", command, ports.page, log, environment, folder=ROOT, ports=ports)

    def __post_init__(self) -> None:
        self.ready = lambda: "Ready: http://localhost:" in self.log_text()

    def fails(self) -> str:
        """Its output when it does not start."""
        self.launch()
        assert self.wait() == 1
        return self.log_text()

    def children(self) -> list[int]:
        return children_of(self.pid)


def ends(run: Run, number: signal.Signals) -> None:
    """After the signal, which a terminal sends to the whole group, no process is left."""
    children = run.children()
    assert children
    os.killpg(run.pid, number)
    assert run.wait() == 0, run.log_text()
    assert not any(runs(pid) for pid in children)
    assert not any(listens(getattr(run.ports, name)) for name in Ports.__dataclass_fields__)


def wait_until(condition: Callable[[], object]) -> None:
    until = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


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
