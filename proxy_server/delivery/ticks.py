"""A common beat: tasks that wait for some time wake up together, on one timer."""

import asyncio

_BEAT_SECONDS = 0.02


class Pulse:
    """Wakes waiters on the beats of a clock.

    Streams that post on the same beat share a batch: a call to Centrifugo costs many times what
    one more publication in it does.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiters: dict[int, list[asyncio.Future[None]]] = {}

    def after(self, seconds: float) -> asyncio.Future[None]:
        """Done on the first beat when so much time has passed."""
        beat = int((self._loop.time() + seconds) / _BEAT_SECONDS) + 1
        waiters = self._waiters.get(beat)
        if waiters is None:
            waiters = self._waiters[beat] = []
            self._loop.call_at(beat * _BEAT_SECONDS, self._wake, beat)
        waiter = self._loop.create_future()
        waiters.append(waiter)
        return waiter

    def _wake(self, beat: int) -> None:
        for waiter in self._waiters.pop(beat):
            if not waiter.done():
                waiter.set_result(None)
