"""How far apart the publications of one answer are: farther, the more answers run."""

import asyncio

from proxy_server.delivery.ticks import Ticks

# What one process publishes in a second, whatever it serves: beyond that load makes publications
# larger. A batch of them costs Centrifugo more than their text.
_PUBLICATIONS_PER_SECOND = 900
# With a thousand streams text still moves four times a second, which reads as steady.
_MOST_SECONDS = 0.25


class Pacing:
    """running: how many answers share the process now."""

    def __init__(self, coalesce_seconds: float) -> None:
        self.running = 0
        self._coalesce_seconds = coalesce_seconds
        self._ticks = Ticks()

    def pause(self) -> asyncio.Future[None]:
        """The time between two publications of one answer."""
        shared = min(self.running / _PUBLICATIONS_PER_SECOND, _MOST_SECONDS)
        return self._ticks.after(max(self._coalesce_seconds, shared))
