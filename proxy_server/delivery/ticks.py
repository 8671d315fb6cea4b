"""A shared clock: waiting tasks wake up together, on one timer."""

import asyncio

_TICK_SECONDS = 0.02


class Ticks:
    """Wakes waiters on the ticks of a clock.

    Streams that publish on the same tick share a batch: one more publication in a batch costs far
    less than another call to Centrifugo.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiters: dict[int, list[asyncio.Future[None]]] = {}

    def after(self, seconds: float) -> asyncio.Future[None]:
        """Returns a future that is done on the first tick after that much time."""
        tick = int((self._loop.time() + seconds) / _TICK_SECONDS) + 1
        waiters = self._waiters.get(tick)
        if waiters is None:
            waiters = self._waiters[tick] = []
            self._loop.call_at(tick * _TICK_SECONDS, self._wake, tick)
        waiter = self._loop.create_future()
        waiters.append(waiter)
        return waiter

    def _wake(self, tick: int) -> None:
        for waiter in self._waiters.pop(tick):
            if not waiter.done():
                waiter.set_result(None)
