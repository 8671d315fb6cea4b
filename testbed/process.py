"""A server process: started until it listens, killed, paused, ended, started again."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from testbed.hermetic import inherited
from testbed.ports import listens

READY_SECONDS = 30.0
END_SECONDS = 20.0
Json = dict[str, Any]
_PAGE = os.sysconf("SC_PAGE_SIZE")


class NotReady(Exception):
    """A process ended at its start, or did not listen in time; the message has its last log."""


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
    _running: "subprocess.Popen[bytes] | None" = None
    _log_began: int = 0

    @property
    def pid(self) -> int:
        assert self._running is not None, f"{self.name} does not run"
        return self._running.pid

    def start(self) -> Self:
        """Returns when it serves."""
        self.launch()
        try:
            self.wait_until_ready()
        except NotReady:
            self.kill()
            raise
        return self

    def launch(self) -> None:
        """Starts it without waiting."""
        assert self._running is None or self._running.poll() is not None
        with self.log.open("ab") as output:
            self._log_began = output.tell()
            self._running = subprocess.Popen(
                self.command,
                env=inherited() | dict(self.environment),
                stdout=output,
                stderr=output,
                cwd=self.folder,
                start_new_session=True,
            )
        if self.cores:
            os.sched_setaffinity(self._running.pid, self.cores)

    def wait_until_ready(self) -> None:
        assert self._running is not None
        until = time.monotonic() + READY_SECONDS
        while not (self.ready() if self.ready else listens(self.port)):
            status = self._running.poll()
            if status is not None or time.monotonic() > until:
                what = "does not serve" if status is None else f"ended with {status}"
                raise NotReady(f"{self.name} {what}: {self.log_text()[-2000:]}")
            time.sleep(0.02)

    def kill(self) -> None:
        """SIGKILL: it can neither publish nor store anything more."""
        self._signal(signal.SIGKILL)
        self._wait()

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def ask_to_end(self) -> None:
        self._signal(self.end)

    def stop(self) -> int:
        """Asks it to end and waits; returns its exit status."""
        self._signal(signal.SIGCONT)
        self.ask_to_end()
        try:
            return self._wait()
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    @property
    def runs(self) -> bool:
        return self._running is not None and self._running.poll() is None

    def cpu_seconds(self) -> float:
        """User and system time used so far."""
        return time.clock_gettime(cpu_clock(self.pid))

    def resident_bytes(self) -> int:
        if (statm := Path(f"/proc/{self.pid}/statm")).exists():
            return int(statm.read_text().split()[1]) * _PAGE
        told = subprocess.run(
            ["ps", "-o", "rss=", "-p", str(self.pid)], check=True, capture_output=True
        )
        return int(told.stdout) << 10

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

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.runs:
            self.stop()

    def _signal(self, number: signal.Signals) -> None:
        if self.runs:
            os.kill(self.pid, number)

    def _wait(self) -> int:
        return self._running.wait(END_SECONDS) if self._running else 0


def cpu_clock(pid: int) -> int:
    """The CPU time clock of another process, as clock_getcpuclockid(3) returns on Linux."""
    return ~pid << 3 | 2
