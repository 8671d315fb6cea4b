"""Everything that the runs share: the parts, the load on them and what each part used."""

import http.client
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import msgspec

from bench.jobs import Job, Load, Shown, Way
from bench.load_process import LoadProcess
from testbed import parts
from testbed.deployment import Deployment
from testbed.ports import free_port
from testbed.process import Process, cpu_clock

LIMITS = {
    "GENERATIONS_PER_USER": "1000",
    "PROMPTS_PER_MINUTE": "1000000",
    "MAX_GENERATIONS": "2000",
    "MAX_WAITING": "1000",
}
"""Of the proxy server: the bench asks more of one process, and of one user, than users do."""


class WrongTextError(Exception):
    """A user was shown what the model did not say."""


@dataclass(frozen=True)
class Run:
    """What a load showed its users, and the CPU seconds of each process meanwhile."""

    load: Load
    tested: str
    shown: list[Shown]
    cpu: dict[str, float]

    @property
    def cost(self) -> float:
        """CPU seconds of the program under test."""
        return self.cpu[self.tested]

    @property
    def cost_per_token(self) -> float:
        return self.cost / self.load.all_tokens

    @property
    def rate(self) -> float:
        """Tokens a second that were delivered while all streams ran."""
        begin = max(one.arrivals[0][0] for one in self.shown)
        end = min(one.arrivals[-1][0] for one in self.shown)
        if end <= begin:
            begin, end = min(s.asked_at for s in self.shown), max(s.ended_at for s in self.shown)
        characters = 0
        for one in self.shown:
            grown = [length for at, length in one.arrivals if begin < at <= end]
            before = [length for at, length in one.arrivals if at <= begin]
            characters += (grown[-1] if grown else 0) - (before[-1] if before and grown else 0)
        per_token = sum(len(one.text) for one in self.shown) / self.load.all_tokens
        return characters / per_token / (end - begin)

    @property
    def publications_per_second(self) -> float:
        """Of one stream, from its first text to its last."""
        return statistics.mean(
            (len(one.arrivals) - 1) / (one.arrivals[-1][0] - one.arrivals[0][0])
            for one in self.shown
        )


@dataclass
class Site:
    """A context manager that starts what all runs share.

    The program under test has a core of its own where there are two or more; everything else
    shares the others.
    """

    folder: Path
    quick: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)
    cpu_of_runs: dict[str, dict[str, float]] = field(default_factory=dict)

    def __enter__(self) -> Self:
        cores = sorted(os.sched_getaffinity(0))
        self.cores = {cores[0]}
        self._load_processes = max(1, len(cores) - 2)
        self._answered: dict[Load, Run] = {}
        self._streamed: dict[Load, Run] = {}
        with ExitStack() as stack:
            if len(cores) > 1:
                os.sched_setaffinity(0, set(cores[1:]))
                stack.callback(os.sched_setaffinity, 0, set(cores))
            # before Centrifugo, which would wait longer and longer to reach it
            self.echo = stack.enter_context(self.peer("echo"))
            self.deployment = stack.enter_context(
                Deployment(
                    folder=self.folder,
                    replicas=0,
                    settings={**LIMITS, **self.settings},
                    centrifugo_settings={
                        "CENTRIFUGO_RPC_PROXY_ENDPOINT": f"grpc://127.0.0.1:{self.echo.port}",
                        "CENTRIFUGO_RPC_WITHOUT_NAMESPACE_PROXY_ENABLED": "true",
                        # the peers' channels are anybody's
                        "CENTRIFUGO_CHANNEL_WITHOUT_NAMESPACE_ALLOW_SUBSCRIBE_FOR_CLIENT": "true",
                    },
                )
            )
            self.server = stack.enter_context(self.pinned(self.deployment.server()))
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

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.deployment.port}/api"

    def pinned(self, process: Process) -> Process:
        """The process, on the core of the program under test."""
        process.cores = self.cores
        return process

    def peer(self, name: str, *arguments: str) -> Process:
        """A program of bench.peers."""
        port = free_port()
        command = [sys.executable, "-m", f"bench.peers.{name}", str(port), *arguments]
        return self.pinned(Process(name, command, port, self.folder / f"{name}.log"))

    def another_server(self) -> Process:
        """A proxy server that is not started, with a database of its own."""
        settings = {
            **self.deployment.server_settings,
            "DATABASE_URL": f"sqlite:///{self.folder}/another.db",
        }
        return self.pinned(parts.proxy_server(free_port(), settings, self.folder, number=2))

    def ours(self, load: Load) -> Run:
        """The load on the proxy server; one that was measured before is not run again."""
        if load not in self._answered:
            self._answered[load] = self.run(load)
        return self._answered[load]

    def sse(self, load: Load) -> Run:
        """The load on the SSE peer, as well once."""
        if load not in self._streamed:
            with self.peer("sse", self.model_url) as peer:
                self.run(Load(streams=10, tokens=20, spread=0.1), "sse", peer)
                self._streamed[load] = self.run(load, "sse", peer)
        return self._streamed[load]

    def run(self, load: Load, way: Way = "centrifugo-llm", peer: Process | None = None) -> Run:
        """Asks for the answers and checks each text; raises WrongTextError."""
        tested = peer or self.server
        streams = load.streams_in_time()
        http = f"http://127.0.0.1:{peer.port}/ask" if peer else ""
        count = self._load_processes
        jobs = [Job(way, self.deployment.url, http, streams[i::count]) for i in range(count)]
        with ExitStack() as stack:
            clients = [stack.enter_context(LoadProcess(job)) for job in jobs]
            pids = {
                tested.name: tested.pid,
                "Centrifugo": self.deployment.centrifugo.pid,
                "model": self.deployment.model.pid,
                **{f"load {number}": client.pid for number, client in enumerate(clients, 1)},
            }
            for client in clients:
                client.wait_for("ready")
            before = _cpu_seconds(pids)
            for client in clients:
                client.go()
            for client in clients:
                client.wait_for("done")
            after = _cpu_seconds(pids)
            parts = [client.shown() for client in clients]
        used = {name: after[name] - before[name] for name in pids}
        shown = [parts[i % count][i // count] for i in range(load.streams)]
        self._check(load, tested.name, shown)
        what = f"{tested.name}: {load.streams} × {load.tokens} tokens, {load.rate:g} a second"
        self.cpu_of_runs[what] = used
        return Run(load, tested.name, shown, used)

    def floor(self, load: Load) -> float:
        """CPU seconds to read the same streams and throw them away."""
        prompts = [(stream.prompt, stream.after) for stream in load.streams_in_time()]
        command = [sys.executable, "-m", "bench.peers.floor", self.model_url]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            os.sched_setaffinity(process.pid, self.cores)
            output, _ = process.communicate(msgspec.json.encode(prompts))
        if process.returncode:
            raise RuntimeError("the floor failed")
        return float(output)

    def token_times(self, load: Load) -> list[list[float]]:
        """When the model wrote each token of each answer, as it says itself."""
        connection = http.client.HTTPConnection("127.0.0.1", self.deployment.model_port)
        times = []
        for number in range(load.streams):
            connection.request("GET", f"/sent?mark={quote(load.prompt(number))}")
            times.append(json.load(connection.getresponse())[-1]["times"])
        connection.close()
        return times

    def _check(self, load: Load, name: str, shown: list[Shown]) -> None:
        for number, one in enumerate(shown):
            if one.text != "".join(load.tokens_of(number)):
                raise WrongTextError(f"{name} showed answer {number} otherwise than the model")


def _cpu_seconds(pids: Mapping[str, int]) -> dict[str, float]:
    return {name: time.clock_gettime(cpu_clock(pid)) for name, pid in pids.items()}
