"""A server process: started until it listens, killed, paused, ended, started again."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from run.process import READY_SECONDS, NotReadyError, Running
from testbed.hermetic import inherited
from testbed.ports import listens

END_SECONDS = 20.0
Json = dict[str, Any]
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass
class Process:
    """One server; a context manager that starts and ends it.

    ready: checks whether it serves; by default, whether it listens on `port`.
    end: the signal that asks it to end in order.
    cores: the processors it may use; all of them by default.
    folder: the working directory; by default the present one.
    """

    name: str
    command: list[str]
    port: int
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    ready: Callable[[], bool] | None = None
    end: signal.Signals = signal.SIGTERM
    cores: set[int] | None = None
    folder: Path | None = None
    _running: Running | None = None
    _log_began: int = 0

    @property
    def pid(self) -> int:
        return self._started.pid

    def start(self) -> Self:
        """Returns when it serves; raises NotReadyError."""
        self.launch()
        try:
            self.wait_until_ready()
        except NotReadyError:
            self.kill()
            raise
        return self

    def launch(self) -> None:
        """Starts it without waiting."""
        assert not self.runs
        with self.log.open("ab") as output:
            self._log_began = output.tell()
            environment = inherited() | dict(self.environment)
            self._running = Running(self.command, environment, self.folder, output)
        if self.cores:
            os.sched_setaffinity(self.pid, self.cores)

    def wait_until_ready(self) -> None:
        """Raises NotReadyError, with the last of its log as a note."""
        try:
            self._started.wait_until(self.ready or (lambda: listens(self.port)), READY_SECONDS)
        except NotReadyError as error:
            error.add_note(f"{self.name}: {self.log_text()[-2000:]}")
            raise

    def kill(self) -> None:
        self._started.kill()

    def wait(self) -> int:
        """Until it has ended by itself; its exit status."""
        return self._started.wait(READY_SECONDS)

    def pause(self) -> None:
        self._started.send(signal.SIGSTOP)

    def resume(self) -> None:
        self._started.send(signal.SIGCONT)

    def ask_to_end(self) -> None:
        self._started.send(self.end)

    def stop(self) -> int:
        """Asks it to end and waits; returns its exit status."""
        self.resume()
        status = self._started.end(self.end, END_SECONDS)
        assert status != -signal.SIGKILL, f"{self.name} did not end in order"
        return status

    @property
    def runs(self) -> bool:
        return self._running is not None and self._running.status is None

    @property
    def _started(self) -> Running:
        assert self._running is not None, f"{self.name} was not started"
        return self._running

    def cpu_seconds(self) -> float:
        """User and system time used so far."""
        return time.clock_gettime(cpu_clock(self.pid))

    def resident_bytes(self) -> int:
        return resident_bytes(self.pid)

    def log_text(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def log_since_start(self) -> str:
        """Without the output of earlier processes to the same file."""
        return self.log.read_bytes()[self._log_began :].decode(errors="replace")

    def events(self, **fields: object) -> list[Json]:
        """The JSON lines of its log since its start that have these values."""
        lines = (line for line in self.log_since_start().splitlines() if line.startswith("{"))
        return [
            event
            for event in map(json.loads, lines)
            if all(event.get(name) == value for name, value in fields.items())
        ]

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self.runs:
            self.stop()


def cpu_clock(pid: int) -> int:
    """The CPU time clock of another process, as clock_getcpuclockid(3) returns on Linux."""
    return ~pid << 3 | 2


def resident_bytes(pid: int) -> int:
    if (statm := Path(f"/proc/{pid}/statm")).exists():
        return int(statm.read_text().split()[1]) * _PAGE
    told = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], check=True, capture_output=True)
    return int(told.stdout) << 10
