"""Shares the event loop among generators that never wait, so that other work runs too."""

import asyncio
from collections.abc import Callable
from time import monotonic
from weakref import WeakKeyDictionary

# The time of all generators together per pass of the loop, and the values that each may yield in
# any case: one that does wait need not queue behind those that do not.
_PASS_SECONDS = 0.005
_ANY_CASE = 16


class Rounds:
    """The rounds of one event loop; `of_this_loop` returns them."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._line = asyncio.Lock()
        self._ends: float | None = None
        self.number = 0

    @classmethod
    def of_this_loop(cls) -> "Rounds":
        return _of_loops.setdefault(asyncio.get_running_loop(), cls())

    def is_over(self) -> bool:
        """Whether the generators have used up this pass; the first that asks begins it."""
        now = self._clock()
        if self._ends is None:
            self._ends = now + _PASS_SECONDS
            asyncio.get_running_loop().call_soon(self._next_pass)
        return now > self._ends

    async def line_up(self) -> None:
        """Waits until the generators ahead have had a pass each."""
        async with self._line:
            await asyncio.sleep(0)

    def _next_pass(self) -> None:
        self._ends = None
        self.number += 1


class Round:
    """The share of one generator."""

    def __init__(self, rounds: Rounds) -> None:
        self._rounds = rounds
        self._number = -1
        self._count = 0

    def is_over(self) -> bool:
        """Called after each value: whether it is the others' turn."""
        is_over = self._rounds.is_over()
        if self._rounds.number != self._number:
            self._number, self._count = self._rounds.number, 0
        self._count += 1
        return is_over and self._count > _ANY_CASE

    async def next(self) -> None:
        await self._rounds.line_up()


_of_loops: WeakKeyDictionary[asyncio.AbstractEventLoop, Rounds] = WeakKeyDictionary()
