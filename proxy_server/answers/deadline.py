"""When an answer has to end, and why."""

import asyncio
from types import TracebackType
from typing import Literal

StopReason = Literal["stopped", "time_limit", "shutdown", "lost"]


class Deadline:
    """A context manager that ends its work with TimeoutError; the deadline can only move closer.

    seconds: the time limit, which counts from `begin`.
    """

    def __init__(self, seconds: float) -> None:
        self.reason: StopReason = "time_limit"
        self._seconds = seconds
        self._when: float | None = None
        self._timeout = asyncio.timeout(None)
        self._entered = False

    @property
    def passed(self) -> bool:
        return self._when is not None and self._when <= asyncio.get_running_loop().time()

    def begin(self) -> None:
        """Starts the time limit."""
        self.pull("time_limit", self._seconds)

    def pull(self, reason: StopReason, seconds: float = 0) -> None:
        """Moves the end closer: to that many seconds from now, for that reason."""
        when = asyncio.get_running_loop().time() + seconds
        if self._when is None or when < self._when:
            self.reason, self._when = reason, when
            if self._entered and not self._timeout.expired():
                self._timeout.reschedule(when)

    async def __aenter__(self) -> None:
        self._entered = True
        await self._timeout.__aenter__()
        if self._when is not None:
            self._timeout.reschedule(self._when)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._entered = False
        await self._timeout.__aexit__(kind, error, trace)
