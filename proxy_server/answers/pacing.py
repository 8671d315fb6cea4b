"""The interval between publications of one answer: longer, the more answers run."""

import asyncio

from proxy_server.delivery.ticks import Ticks

# The limit for a process, however many answers it makes: beyond it, publications grow larger
# instead. A batch of them costs Centrifugo more than their text.
_PUBLICATIONS_PER_SECOND = 900
# With a thousand streams, text still appears four times a second, which looks steady.
_MOST_SECONDS = 0.25


class Pacing:
    """running: how many answers the process is making now."""

    def __init__(self, coalesce_seconds: float) -> None:
        self.running = 0
        self._coalesce_seconds = coalesce_seconds
        self._ticks = Ticks()

    def pause(self) -> asyncio.Future[None]:
        """The time between two publications of one answer."""
        shared = min(self.running / _PUBLICATIONS_PER_SECOND, _MOST_SECONDS)
        return self._ticks.after(max(self._coalesce_seconds, shared))
