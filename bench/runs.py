"""One load on running parts: results, checks, and what each part used."""

import http.client
import itertools
import json
import statistics
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from urllib.parse import quote

from bench.jobs import Job, Load, Shown
from bench.load_process import LoadProcess
from bench.meter import Meter

_STEADY = 0.95
_SETTLED_SECONDS = 1.0


class WrongTextError(Exception):
    """A user saw text that the model did not send, or the model's text was not read completely."""


@dataclass(frozen=True)
class Pace:
    """How well the model server kept to the requested rate.

    kept: the share of that rate.
    writes: per token; a late server writes several together, which are cheaper to read.
    """

    kept: float
    writes: float

    @classmethod
    def of(cls, load: Load, written: Sequence[Sequence[float]]) -> "Pace":
        asked = sum(len(times) - 1 for times in written) / load.rate
        taken = sum(times[-1] - times[0] for times in written)
        writes = sum(len(set(times)) for times in written)
        return cls(asked / taken if taken else 1.0, writes / load.all_tokens)

    @property
    def steady(self) -> bool:
        return self.kept >= _STEADY

    @property
    def one_by_one(self) -> bool:
        """Whether tokens came alone, as they must if the cost of reading them is compared."""
        return self.steady and self.writes >= _STEADY


@dataclass(frozen=True)
class Run:
    """What a load's users saw, and the CPU time of each process meanwhile.

    written: when the model wrote each token of each answer.
    """

    load: Load
    tested: Sequence[str]
    shown: list[Shown]
    written: list[list[float]]
    meter: Meter

    @property
    def name(self) -> str:
        return f"{' + '.join(self.tested)}: {self.load}"

    @property
    def pace(self) -> Pace:
        return Pace.of(self.load, self.written)

    @property
    def cost(self) -> float:
        """CPU seconds of the programs under test."""
        return sum(self.meter.used[name] for name in self.tested)

    @property
    def cost_per_token(self) -> float:
        return self.cost / self.load.all_tokens

    @property
    def seconds(self) -> float:
        begin = min(one.asked_at for one in self.shown)
        return max(one.ended_at for one in self.shown) - begin

    @property
    def window(self) -> tuple[float, float]:
        """The time while all streams ran, without the first second, which clears the backlog."""
        begin = max(one.arrivals[0][0] for one in self.shown) + _SETTLED_SECONDS
        end = min(one.arrivals[-1][0] for one in self.shown)
        if end > begin:
            return begin, end
        return min(one.asked_at for one in self.shown), max(one.ended_at for one in self.shown)

    @property
    def rate(self) -> float:
        """Tokens per second that were delivered in the window."""
        begin, end = self.window
        characters = sum(_length(one, end) - _length(one, begin) for one in self.shown)
        per_token = sum(len(one.text) for one in self.shown) / self.load.all_tokens
        return characters / per_token / (end - begin)

    @property
    def keeps_up(self) -> bool:
        return self.rate >= _STEADY * self.load.streams * self.load.rate

    @property
    def cores(self) -> dict[str, float]:
        """How much of a core each process used in the window."""
        return self.meter.cores(*self.window)

    @property
    def publications_per_second(self) -> float:
        """Of one stream, from its first text to its last."""
        return statistics.mean(
            (len(one.arrivals) - 1) / (one.arrivals[-1][0] - one.arrivals[0][0])
            for one in self.shown
        )

    def delays(self, begin: float, end: float) -> tuple[list[float], list[float]]:
        """For tokens written between two moments, in seconds: each answer's first, and the rest."""
        first: list[float] = []
        later: list[float] = []
        for number, times in enumerate(self.written):
            shown = _arrivals(self.load.tokens_of(number), self.shown[number])
            for i, (at, written) in enumerate(zip(shown, times, strict=True)):
                if begin <= written <= end:
                    (later if i else first).append(at - written)
        return first, later


def measure(
    load: Load,
    job: Job,
    tested: Sequence[str],
    parts: Mapping[str, int],
    model_port: int | None,
    *,
    processes: int = 1,
) -> Run:
    """Runs the job in several load processes and checks each text; raises WrongTextError.

    parts: process ids by name; their children are included.
    model_port: of the model server; None if it has no part in the answers.
    """
    jobs = [
        Job(job.way, job.centrifugo, job.http, job.streams[i::processes]) for i in range(processes)
    ]
    with ExitStack() as stack:
        clients = [stack.enter_context(LoadProcess(one)) for one in jobs]
        for client in clients:
            client.wait_for("ready")
        loads = {f"load {i}": client.pid for i, client in enumerate(clients, 1)}
        with Meter({**parts, **loads}) as meter:
            for client in clients:
                client.go()
            for client in clients:
                client.wait_for("done")
        answers = [client.shown() for client in clients]
    shown = [answers[i % processes][i // processes] for i in range(load.streams)]
    for number, one in enumerate(shown):
        if one.text != "".join(load.tokens_of(number)):
            raise WrongTextError(f"{load}: answer {number} is not what the model sent")
    times = [] if model_port is None else written(model_port, load)
    return Run(load, tested, shown, times, meter)


def written(model_port: int, load: Load) -> list[list[float]]:
    """When the model wrote each token of each answer of the last such load, by its own record."""
    connection = http.client.HTTPConnection("127.0.0.1", model_port)
    times = []
    for number in range(load.streams):
        connection.request("GET", f"/sent?mark={quote(load.prompt(number))}")
        times.append(json.load(connection.getresponse())[-1]["times"])
    connection.close()
    return times


def percentiles(values: Sequence[float]) -> tuple[float, float]:
    """The median and the 99th percentile."""
    hundredths = statistics.quantiles(values, n=100, method="inclusive")
    return hundredths[49], hundredths[98]


def _length(one: Shown, moment: float) -> int:
    """How many characters were shown by then."""
    before = itertools.takewhile(lambda arrival: arrival[0] <= moment, one.arrivals)
    return max((length for _, length in before), default=0)


def _arrivals(tokens: Sequence[str], one: Shown) -> Iterator[float]:
    """When each token was completely shown."""
    arrivals = iter(one.arrivals)
    at, length, end = 0.0, 0, 0
    for token in tokens:
        end += len(token)
        while length < end:
            at, length = next(arrivals)
        yield at
