"""What the runs share: the parts, the load on them and what each part used."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import msgspec

from bench.jobs import Job, Load, Way
from bench.meter import Meter
from bench.report import Used
from bench.runs import Pace, Run, WrongTextError, measure, written
from testbed import parts
from testbed.deployment import Deployment
from testbed.model_formats import pieces
from testbed.ports import free_port
from testbed.process import Process

LIMITS = {
    "GENERATIONS_PER_USER": "1000",
    "PROMPTS_PER_MINUTE": "1000000",
    "MAX_GENERATIONS": "2000",
    "MAX_WAITING": "1000",
}
"""Of the proxy server: the bench asks more of one process, and of one user, than users do."""


@dataclass(frozen=True)
class Floor:
    """The CPU seconds of reading a load's streams, and the model's pace meanwhile."""

    load: Load
    cost: float
    pace: Pace

    @property
    def cost_per_token(self) -> float:
        return self.cost / self.load.all_tokens


@dataclass
class Site:
    """A context manager that starts what all runs share.

    With two or more cores, the program under test has one of its own; everything else shares the
    others.
    models: whether the answers come from the model server, which records what it wrote when.
    model_of: the site whose model server to use, if not its own.
    """

    folder: Path
    quick: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)
    models: bool = True
    model_of: "Site | None" = None
    used: list[Used] = field(default_factory=list)

    def __enter__(self) -> Self:
        cores = sorted(os.sched_getaffinity(0))
        self.cores = {cores[0]}
        self._load_processes = max(1, len(cores) - 2)
        self._answered: dict[Load, Run] = {}
        with ExitStack() as stack:
            if len(cores) > 1:
                os.sched_setaffinity(0, set(cores[1:]))
                stack.callback(os.sched_setaffinity, 0, set(cores))
            # before Centrifugo, whose attempts to reach it would get rarer and rarer
            self.echo = stack.enter_context(self.peer("echo"))
            self.deployment = stack.enter_context(
                Deployment(
                    folder=self.folder,
                    replicas=0,
                    settings={**LIMITS, **self.settings},
                    centrifugo_settings={
                        "CENTRIFUGO_RPC_PROXY_ENDPOINT": f"grpc://127.0.0.1:{self.echo.port}",
                        "CENTRIFUGO_RPC_WITHOUT_NAMESPACE_PROXY_ENABLED": "true",
                        # pages are served from random ports
                        "CENTRIFUGO_CLIENT_ALLOWED_ORIGINS": "http://127.0.0.1:*",
                        # anybody may use the peers' channels
                        "CENTRIFUGO_CHANNEL_WITHOUT_NAMESPACE_ALLOW_SUBSCRIBE_FOR_CLIENT": "true",
                    },
                )
            )
            self.server = stack.enter_context(self.pinned(self.deployment.server()))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def _model(self) -> Deployment:
        return (self.model_of or self).deployment

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

    def another_server(self, database: str) -> Process:
        """A proxy server that is not started yet, with a separate database of that name."""
        settings = {
            **self.deployment.server_settings,
            "DATABASE_URL": f"sqlite:///{self.folder}/{database}.db",
        }
        return self.pinned(parts.proxy_server(free_port(), settings, self.folder, number=2))

    def ours(self, load: Load) -> Run:
        """The load on the proxy server; one that was measured before is not run again."""
        if load not in self._answered:
            self.run(load)
        return self._answered[load]

    def run(self, load: Load, way: Way = "centrifugo-llm", peer: Process | None = None) -> Run:
        """Requests the answers and checks each text; raises WrongTextError."""
        tested = peer or self.server
        http = f"http://127.0.0.1:{peer.port}/ask" if peer else ""
        job = Job(way, self.deployment.url, http, load.streams_in_time())
        run = measure(
            load,
            job,
            [tested.name],
            self._parts(tested),
            self._model.model_port if self.models else None,
            processes=self._load_processes,
        )
        self.used.append(Used.in_run(run))
        if peer is None:
            self._answered[load] = run
        return run

    def floor(self, load: Load, program: str = "floor") -> Floor:
        """The cost for a program of bench.peers of reading the same streams and discarding them."""
        prompts = [(stream.prompt, stream.after) for stream in load.streams_in_time()]
        command = [sys.executable, "-m", f"bench.peers.{program}", self.model_url]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            os.sched_setaffinity(process.pid, self.cores)
            output, _ = process.communicate(msgspec.json.encode(prompts))
        if process.returncode:
            raise RuntimeError(f"{program} failed")
        cost, read = msgspec.json.decode(output, type=tuple[float, list[int]])
        for number, size in enumerate(read):
            sent = pieces(load.tokens, number, 1)
            if size < sum(len(piece.event if program == "floor" else piece.text) for piece in sent):
                raise WrongTextError(f"{program}: answer {number} was not read to its end")
        pace = Pace.of(load, written(self.deployment.model_port, load))
        name = f"{program}: {load}"
        self.used.append(Used(name, [program], {program: cost}, pace.kept, pace.writes))
        return Floor(load, cost, pace)

    @contextmanager
    def metered(self, name: str) -> Iterator[None]:
        """Records what the parts use during the context, under that name."""
        with Meter(self._parts(self.server)) as meter:
            yield
        self.used.append(Used(name, [self.server.name], meter.used))

    def _parts(self, tested: Process) -> dict[str, int]:
        return {
            tested.name: tested.pid,
            "Centrifugo": self.deployment.centrifugo.pid,
            "model": self._model.model.pid,
        }
