"""The CPU time of running processes, sampled: in total and between two moments."""

import os
import threading
import time
from bisect import bisect_left
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from testbed.process import cpu_clock

_SAMPLE_SECONDS = 0.25


class Meter:
    """A context manager that samples processes by name, including their children.

    `used` has the CPU seconds of each once the context has ended.
    """

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._pids = dict(pids)
        self._times: list[float] = []
        self._samples: list[dict[str, float]] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="meter")
        self.used: dict[str, float] = {}

    def __enter__(self) -> Self:
        self._sample()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self._sample()
        first, last = self._samples[0], self._samples[-1]
        self.used = {name: last[name] - first[name] for name in self._pids}

    def cores(self, begin: float, end: float) -> dict[str, float]:
        """How much of a core each process used between two moments, to the nearest samples."""
        last = len(self._times) - 1
        first = min(bisect_left(self._times, begin), last - 1)
        until = min(max(bisect_left(self._times, end), first + 1), last)
        seconds = self._times[until] - self._times[first]
        before, after = self._samples[first], self._samples[until]
        return {name: (after[name] - before[name]) / seconds for name in self._pids}

    def _watch(self) -> None:
        while not self._ended.wait(_SAMPLE_SECONDS):
            self._sample()

    def _sample(self) -> None:
        self._times.append(time.monotonic())
        self._samples.append({name: cpu_seconds(pid) for name, pid in self._pids.items()})


def cpu_seconds(pid: int) -> float:
    """Of a process and its children, including those that have ended."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    living = sum(_of_child(int(child)) for child in children)
    # after the name, which may contain spaces: the 14th and 15th field, in 1/100 s
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ended = (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")
    return time.clock_gettime(cpu_clock(pid)) + ended + living


def _of_child(pid: int) -> float:
    try:
        return cpu_seconds(pid)
    except OSError:
        # ended since it was listed: its parent's figures now include it
        return 0.0
