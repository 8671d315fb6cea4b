"""One more publication for channels that fell silent around an outage of Centrifugo's broker.

Acknowledged does not mean delivered: what is published while Centrifugo reconnects to its Redis is
in the channel's history, but no subscriber gets it. Centrifugo sees the gap with the channel's next
publication, and makes the client recover.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable

# Centrifugo tries four times a second to reconnect to its Redis; the second pause is for a slow
# one.
_PAUSES = (2.0, 4.0)
_AROUND_SECONDS = 2.0
_RECENT_SECONDS = sum(_PAUSES) + 1.0
_SILENT_SECONDS = 1.0


class Resync:
    """Remembers recent channels, and calls `speak` for those that are silent after an outage."""

    def __init__(self, speak: Callable[[str], None]) -> None:
        self._speak = speak
        self._loop = asyncio.get_running_loop()
        # when each channel's last publication was acknowledged, the oldest first
        self._recent: OrderedDict[str, float] = OrderedDict()
        self._suspects: set[str] = set()
        self._broken = False
        self._tasks: set[asyncio.Task[None]] = set()

    def heard(self, channel: str, at: float) -> None:
        """A publication of the channel was acknowledged."""
        self._recent[channel] = at
        self._recent.move_to_end(channel)

    def forget(self, now: float) -> None:
        """Drops what is too old to matter."""
        while self._recent:
            oldest = next(iter(self._recent))
            if self._recent[oldest] >= now - _RECENT_SECONDS:
                return
            del self._recent[oldest]

    def outage_begins(self, now: float) -> None:
        self._broken = True
        around = now - _AROUND_SECONDS
        self._suspects.update(channel for channel, at in self._recent.items() if at >= around)

    def outage_ends(self) -> None:
        self._broken = False
        task = self._loop.create_task(self._wake(), name="resync")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _wake(self) -> None:
        for seconds in _PAUSES:
            await asyncio.sleep(seconds)
            silent_since = self._loop.time() - _SILENT_SECONDS
            for channel in self._suspects | self._recent.keys():
                if self._recent.get(channel, 0.0) < silent_since:
                    self._speak(channel)
        if not self._broken and len(self._tasks) == 1:
            self._suspects.clear()
