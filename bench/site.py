"""Everything that a run needs, and what it used: the parts, the load and the CPU of each."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from bench.jobs import Job, Shown, Stream, Way
from testbed.deployment import Deployment
from testbed.ports import free_port
from testbed.process import Process, cpu_clock
from testbed.text import text

LIMITS = {
    "GENERATIONS_PER_USER": "1000",
    "PROMPTS_PER_MINUTE": "1000000",
    "MAX_GENERATIONS": "2000",
    "MAX_WAITING": "1000",
    "LOG_LEVEL": "warning",
}
"""Of the proxy server: the bench asks more of one process, and of one user, than users do."""

PEERS = {
    "CENTRIFUGO_CHANNEL_WITHOUT_NAMESPACE_ALLOW_SUBSCRIBE_FOR_CLIENT": "true",
    "CENTRIFUGO_CLIENT_CHANNEL_LIMIT": "10000",
}
"""Of Centrifugo: the peers publish to channels that anybody may follow."""


class WrongTextError(Exception):
    """A user was shown what the model did not say."""


@dataclass(frozen=True, kw_only=True)
class Load:
    """So many answers of so many tokens, begun evenly over `spread` seconds."""

    streams: int
    tokens: int
    rate: float = 50
    spread: float = 2.0
    after: float = 0.0

    def prompt(self, number: int) -> str:
        return f"/tokens {self.tokens} rate={self.rate} seed={number} after={self.after}"

    def job(self) -> list[Stream]:
        pace = self.spread / self.streams
        return [Stream(self.prompt(i), i * pace) for i in range(self.streams)]

    @property
    def all_tokens(self) -> int:
        return self.streams * self.tokens


@dataclass(frozen=True)
class Run:
    """What a load showed its users, and the CPU seconds of each process meanwhile."""

    load: Load
    shown: list[Shown]
    seconds: float
    cpu: dict[str, float]

    def per_token(self, process: str) -> float:
        return self.cpu[process] / self.load.all_tokens


@dataclass
class Site:
    """A context manager that starts what all runs share.

    The program under test has a core of its own where there are two or more; everything else
    shares the others.
    """

    folder: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    cpu_of_runs: dict[str, dict[str, float]] = field(default_factory=dict)

    def __enter__(self) -> Self:
        cores = sorted(os.sched_getaffinity(0))
        self.cores = {cores[0]}
        self.load_processes = max(1, len(cores) - 2)
        if len(cores) > 1:
            os.sched_setaffinity(0, set(cores[1:]))
        with ExitStack() as stack:
            self.deployment = stack.enter_context(
                Deployment(
                    folder=self.folder,
                    replicas=0,
                    settings={**LIMITS, **self.settings},
                    centrifugo_settings=PEERS,
                )
            )
            self.server = self.pinned(self.deployment.server())
            stack.enter_context(self.server)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    @property
    def model_url(self) -> str:
        return f"http://127.0.0.1:{self.deployment.model_port}/v1"

    def pinned(self, process: Process) -> Process:
        process.cores = self.cores
        return process

    def peer(self, name: str, *arguments: str) -> Process:
        """A program of bench.peers, on the core of the program under test."""
        port = free_port()
        command = [sys.executable, "-m", f"bench.peers.{name}", str(port), *arguments]
        return self.pinned(Process(name, command, port, self.folder / f"{name}.log"))

    def run(
        self, name: str, load: Load, way: Way = "centrifugo-llm", peer: Process | None = None
    ) -> Run:
        """Asks for the answers and checks each text; raises WrongTextError."""
        tested = peer or self.server
        with ExitStack() as stack:
            streams = load.job()
            clients = [
                stack.enter_context(
                    _LoadProcess(self._job(way, peer, streams[i :: self.load_processes]))
                )
                for i in range(self.load_processes)
            ]
            pids = {
                tested.name: tested.pid,
                "Centrifugo": self.deployment.centrifugo.pid,
                "model": self.deployment.model.pid,
                **{f"load {i}": client.pid for i, client in enumerate(clients, 1)},
            }
            for client in clients:
                client.wait_for("ready")
            before, began = _cpu(pids), time.monotonic()
            for client in clients:
                client.go()
            for client in clients:
                client.wait_for("done")
            after, ended = _cpu(pids), time.monotonic()
            parts = [client.shown() for client in clients]
        cpu = {name: after[name] - before[name] for name in pids}
        self.cpu_of_runs[name] = cpu
        shown = [parts[i % len(parts)][i // len(parts)] for i in range(load.streams)]
        for number, one in enumerate(shown):
            if one.text != text(load.tokens, number):
                raise WrongTextError(f"{name}: answer {number} is not what the model sent")
        return Run(load, shown, ended - began, cpu)

    def floor(self, load: Load) -> float:
        """CPU seconds to read the same streams and throw them away."""
        job = msgspec.json.encode([(stream.prompt, stream.after) for stream in load.job()])
        command = [sys.executable, "-m", "bench.peers.floor", self.model_url]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            os.sched_setaffinity(process.pid, self.cores)
            output, _ = process.communicate(job)
            assert process.returncode == 0
        return float(output)

    def _job(self, way: Way, peer: Process | None, streams: list[Stream]) -> Job:
        http = f"http://127.0.0.1:{peer.port}/ask" if peer else ""
        return Job(way, self.deployment.url, http, streams)


class _LoadProcess:
    """One process of bench.load."""

    def __init__(self, job: Job) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.load"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._input, self._output = self._process.stdin, self._process.stdout
        self.pid = self._process.pid
        self._say(msgspec.json.encode(job))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._input.close()
        if kind is not None:
            self._process.kill()
        self._process.wait()
        self._output.close()

    def wait_for(self, word: str) -> None:
        line = self._output.readline().decode().strip()
        assert line == word, f"the load client said {line!r}, not {word!r}"

    def go(self) -> None:
        self._say(b"go")

    def shown(self) -> list[Shown]:
        return msgspec.json.decode(self._output.readline(), type=list[Shown])

    def _say(self, line: bytes) -> None:
        self._input.write(line + b"\n")
        self._input.flush()


def _cpu(pids: Mapping[str, int]) -> dict[str, float]:
    return {name: time.clock_gettime(cpu_clock(pid)) for name, pid in pids.items()}
