"""One load on running parts: what was shown, checked, and what each part used meanwhile."""

import os
import statistics
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench.jobs import Job, Load, Shown
from bench.load_process import LoadProcess
from testbed.process import cpu_clock


class WrongTextError(Exception):
    """A user was shown what the model did not say."""


@dataclass(frozen=True)
class Run:
    """What a load showed its users, and the CPU seconds of each process meanwhile."""

    load: Load
    tested: Sequence[str]
    shown: list[Shown]
    cpu: dict[str, float]

    @property
    def name(self) -> str:
        load, tested = self.load, " + ".join(self.tested)
        return f"{tested}: {load.streams} × {load.tokens} tokens, {load.rate:g} a second"

    @property
    def cost(self) -> float:
        """CPU seconds of the programs under test."""
        return sum(self.cpu[name] for name in self.tested)

    @property
    def cost_per_token(self) -> float:
        return self.cost / self.load.all_tokens

    @property
    def seconds(self) -> float:
        begin = min(one.asked_at for one in self.shown)
        return max(one.ended_at for one in self.shown) - begin

    @property
    def rate(self) -> float:
        """Tokens a second that were delivered while all streams ran."""
        begin = max(one.arrivals[0][0] for one in self.shown)
        end = min(one.arrivals[-1][0] for one in self.shown)
        if end <= begin:
            return self.load.all_tokens / self.seconds
        characters = 0
        for one in self.shown:
            lengths = [length for at, length in one.arrivals if begin < at <= end]
            before = [length for at, length in one.arrivals if at <= begin]
            characters += lengths[-1] - before[-1] if lengths and before else 0
        per_token = sum(len(one.text) for one in self.shown) / self.load.all_tokens
        return characters / per_token / (end - begin)

    @property
    def publications_per_second(self) -> float:
        """Of one stream, from its first text to its last."""
        return statistics.mean(
            (len(one.arrivals) - 1) / (one.arrivals[-1][0] - one.arrivals[0][0])
            for one in self.shown
        )


def measure(
    load: Load, job: Job, tested: Sequence[str], parts: Mapping[str, int], *, processes: int = 1
) -> Run:
    """Runs the job in so many load processes and checks each text; raises WrongTextError.

    parts: process ids by name; those that they started count with them.
    """
    jobs = [
        Job(job.way, job.centrifugo, job.http, job.streams[i::processes]) for i in range(processes)
    ]
    with ExitStack() as stack:
        clients = [stack.enter_context(LoadProcess(one)) for one in jobs]
        pids = {**parts, **{f"load {i}": client.pid for i, client in enumerate(clients, 1)}}
        for client in clients:
            client.wait_for("ready")
        before = {name: _cpu_seconds(pid) for name, pid in pids.items()}
        for client in clients:
            client.go()
        for client in clients:
            client.wait_for("done")
        used = {name: _cpu_seconds(pid) - before[name] for name, pid in pids.items()}
        answers = [client.shown() for client in clients]
    shown = [answers[i % processes][i // processes] for i in range(load.streams)]
    run = Run(load, tested, shown, used)
    for number, one in enumerate(shown):
        if one.text != "".join(load.tokens_of(number)):
            raise WrongTextError(f"{run.name}: answer {number} is not what the model sent")
    return run


def _cpu_seconds(pid: int) -> float:
    """Of a process, of those that it started, and of those of them that have ended."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    # after the name, which may hold spaces: the 14th and 15th field, of 1/100 s
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ended = (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")
    living = sum(_cpu_seconds(int(child)) for child in children)
    return time.clock_gettime(cpu_clock(pid)) + ended + living
