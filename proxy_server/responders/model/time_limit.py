"""A timeout for waiting on a provider, renewed by signs of life."""

import asyncio
from typing import Any

# Extra time after the timeout: if this process itself stalled, data is still in the socket.
_LAST_LOOK_SECONDS = 0.1


class TimeLimit:
    """A timeout for waiting, renewed by progress; time spent elsewhere does not count.

    One timer serves many waits: when it fires, it checks whether the time is really up. A timer per
    read would cost more than the rest of the read.
    """

    def __init__(self, seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._left = seconds
        self._since = 0.0
        self._task: asyncio.Task[Any] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._looking = False
        self._expired = False

    def renew(self, seconds: float) -> None:
        self._left = seconds
        self._looking = False

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def __enter__(self) -> None:
        self._since = self._loop.time()
        # pass the loop: otherwise Python 3.11 asks the kernel for the process id each time
        self._task = asyncio.current_task(self._loop)
        if self._timer is None or self._timer.when() > self._since + self._left:
            self._arm(self._since + self._left)

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        task, self._task = self._task, None
        self._left -= self._loop.time() - self._since
        if self._expired:
            self._expired = False
            uncancelled = task is not None and task.uncancel() == 0
            if uncancelled and isinstance(error, asyncio.CancelledError):
                raise TimeoutError from error

    def _arm(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._fire)

    def _fire(self) -> None:
        self._timer = None
        if self._task is None:
            return
        due = self._since + self._left
        now = self._loop.time()
        if now < due:
            self._arm(due)
        elif not self._looking:
            self._looking = True
            self._arm(now + _LAST_LOOK_SECONDS)
        else:
            self._expired = True
            self._task.cancel()
