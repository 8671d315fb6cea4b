"""Names the line of an operator's Python that blocks the event loop.

A responder that blocks stops every answer of the process, and cannot report that itself. So a
thread checks whether the loop is late, and which code it is running then.
"""

import asyncio
import sys
import sysconfig
import threading
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from types import FrameType
from typing import NamedTuple

import structlog

from proxy_server.responders.python.responder import Run

_LATE_SECONDS = 0.5
_BEAT_SECONDS = 0.1
_OURS = str(Path(__file__).parent.parent)
_INSTALLED = tuple(
    {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
)

log = structlog.get_logger()


class Watchdog:
    """Watches the loop in which it was started; logs each time that the loop stalls once."""

    def __init__(self, late_seconds: float = _LATE_SECONDS) -> None:
        self._late_seconds = late_seconds
        self._seen = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._beat()
        watched = threading.get_ident()
        self._thread = threading.Thread(
            target=self._watch, args=(watched,), name="watchdog", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        self._ended.set()
        if self._timer is not None:
            self._timer.cancel()
        if self._thread is not None:
            self._thread.join()

    def _beat(self) -> None:
        self._seen = monotonic()
        self._timer = self._loop.call_later(_BEAT_SECONDS, self._beat)

    def _watch(self, thread: int) -> None:
        logged = 0.0
        while not self._ended.wait(_BEAT_SECONDS):
            seen = self._seen
            seconds = monotonic() - seen
            if logged == seen or seconds < self._late_seconds + _BEAT_SECONDS:
                continue
            found = blocking(sys._current_frames().get(thread))
            # a loop that moved on meanwhile was stalled elsewhere
            if found is None or self._seen != seen:
                continue
            logged = seen
            log.warning(
                "event_loop_blocked",
                seconds=round(seconds, 1),
                where=found.where,
                responder=found.responder,
                conversation=found.conversation,
                message=found.message,
            )


class Blocking(NamedTuple):
    """Code that blocks the loop; the other fields are empty in a task that it began itself."""

    where: str
    responder: str = ""
    conversation: str = ""
    message: str = ""


def blocking(frame: FrameType | None) -> Blocking | None:
    """Where a responder's code is in this stack, and for which answer; None if there is none.

    The line is the innermost one of code that is neither ours nor installed. A responder that is
    itself an installed package is named where it was called.
    """
    inside: list[FrameType] = []
    own: FrameType | None = None
    run: Run | None = None
    for found in _outwards(frame):
        if found.f_code is Run.gather.__code__:
            run = found.f_locals["self"]
            break
        if not found.f_code.co_filename.startswith(_OURS):
            inside.append(found)
        own = own or (found if _is_own(found.f_code.co_filename) else None)
    if own is None and run is not None and inside:
        own = inside[-1]
    if own is None:
        return None
    where = f"{own.f_code.co_filename}:{own.f_lineno}"
    if run is None:
        return Blocking(where)
    return Blocking(where, run.place, run.turn.conversation, run.turn.message)


def _outwards(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _is_own(file: str) -> bool:
    return not file.startswith(("<", _OURS, *_INSTALLED))
