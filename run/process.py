"""A program that serves, as a process: started, waited for until it is ready, and ended."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from run.parent import ending_with_me

READY_SECONDS = 60.0
_POLL_SECONDS = 0.02


class NotReadyError(Exception):
    """It has ended with that status before it was ready, or is not ready in time: then None."""

    def __init__(self, status: int | None) -> None:
        super().__init__("is not ready" if status is None else f"ended with status {status}")
        self.status = status


class Running:
    """A process in a session of its own: a terminal's Ctrl-C is ours to pass on, in order."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        folder: Path | None = None,
        output: BinaryIO | None = None,
        *,
        ends_with_us: bool = False,
    ) -> None:
        """Starts it and does not wait; raises OSError for a program that is not there.

        output: where it writes; by default, where we do.
        ends_with_us: also when we are killed. Only for who starts it from the main thread, without
            gRPC's beside it: it is forked, and ends with the thread that did so.
        """
        self._process = subprocess.Popen(
            command,
            env=environment,
            cwd=folder,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=ending_with_me() if ends_with_us else None,
        )
        self.pid = self._process.pid

    @property
    def status(self) -> int | None:
        """Its exit status; None while it runs."""
        return self._process.poll()

    def wait_until(
        self, ready: Callable[[], bool], seconds: float, enough: Callable[[], bool] = lambda: False
    ) -> None:
        """Raises NotReadyError; comes back without it being ready when `enough` says so."""
        until = time.monotonic() + seconds
        while not enough() and not ready():
            if self.status is not None or time.monotonic() > until:
                raise NotReadyError(self.status)
            time.sleep(_POLL_SECONDS)

    def wait(self, seconds: float) -> int:
        """Until it has ended by itself; raises TimeoutExpired."""
        return self._process.wait(seconds)

    def send(self, number: signal.Signals) -> None:
        if self.status is None:
            os.kill(self.pid, number)

    def end(
        self, number: signal.Signals, seconds: float, enough: Callable[[], bool] = lambda: False
    ) -> int:
        """Asks it to end, and kills it after that time, or when `enough` says so; its status.

        It is asked alone, because it ends in order what it has started; what is left then ends too.
        """
        if (status := self.status) is not None:
            return status
        self.send(number)
        until = time.monotonic() + seconds
        while (status := self.status) is None:
            if enough() or time.monotonic() > until:
                self._kill_group()
            time.sleep(_POLL_SECONDS)
        self._kill_group()
        return status

    def kill(self) -> None:
        """SIGKILL: it can neither publish nor store anything more."""
        if self.status is None:
            self._kill_group()
            self._process.wait()

    def _kill_group(self) -> None:
        # PermissionError: what macOS says where only the dead are left
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
