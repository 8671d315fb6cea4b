"""Ends a process when its parent dies, however that happens; works only on Linux."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1


def end_with(parent: int) -> None:
    """From now on, this process gets a SIGTERM when `parent`, which started it, is gone."""
    _ask(_prctl(), parent)


def ending_with_me() -> Callable[[], None] | None:
    """What a child runs before its program; None if the system does not support it."""
    call, parent = _prctl(), os.getpid()
    return (lambda: _ask(call, parent)) if call else None


def _ask(call: "Callable[[int, int], int] | None", parent: int) -> None:
    if call is None:
        return
    call(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        # the parent was gone before the call
        os.kill(os.getpid(), signal.SIGTERM)


def _prctl() -> "Callable[[int, int], int] | None":
    return ctypes.CDLL(None).prctl if sys.platform == "linux" else None
