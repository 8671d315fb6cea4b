"""One, two and three replicas behind nginx, on PostgreSQL and Redis, at full speed."""

import os
import statistics
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.accounts import Accounts
from bench.capacity import Saturation, cores_of, saturated
from bench.jobs import Job, Load
from bench.report import Row, Used
from bench.runs import Run, measure
from bench.scans import scans
from bench.site import LIMITS
from testbed import parts
from testbed.deployment import Deployment
from testbed.model_formats import pieces
from testbed.ports import free_port
from testbed.process import Process

_REPLICAS = (1, 2, 3)
_STREAMS = (300, 450, 600, 750, 900)
_TOKENS = 750
# all parts share the machine: too many prompts would dominate the measurement
_PROMPTS_PER_SECOND = 75
_FULL = 0.9
HEADERS = 66
"""Of a frame on the loopback, as on Ethernet: that, IP, and TCP with timestamps."""


@dataclass
class Measured:
    """The runs with one number of replicas: the fastest, and the costs of each."""

    replicas: list[str]
    fastest: Saturation = field(init=False)
    answers: dict[str, list[float]] = field(default_factory=dict)
    counts: dict[str, dict[str, float]] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)

    @property
    def best(self) -> Run:
        return self.fastest.best

    def of_each(self, run: Run) -> list[float]:
        """CPU seconds per token of each replica, by the answers that it made itself."""
        made = zip(self.replicas, self.answers[run.name], strict=True)
        return [run.meter.used[name] / (count * run.load.tokens) for name, count in made]


def scale(*, quick: bool) -> tuple[list[Row], list[Used]]:
    """The figures, and what each process used."""
    every = [_with_replicas(count, quick=quick) for count in _REPLICAS]
    rows = [row for one in every for row in _speed(one, every[0])]
    used = [Used.in_run(run) for one in every for run in one.runs]
    return [*rows, *_costs(every[0]), *scans()], used


def _speed(measured: Measured, one: Measured) -> list[Row]:
    run, count = measured.best, len(measured.replicas)
    ratio = run.rate / one.best.rate
    each = [cost * 1e6 for cost in measured.of_each(run)]
    return [
        Row.of(
            f"{count} replica{'s' if count > 1 else ''}: tokens/s",
            f"{run.rate:,.0f} at {run.load.streams} streams, {ratio:.2f} × one replica",
            paces=[run.pace, one.best.pace],
            tokens_per_second=run.rate,
            ratio=ratio,
            streams=run.load.streams,
        ),
        Row.of("… CPU per token of each", f"{', '.join(f'{cost:.1f}' for cost in each)} µs"),
        Row("… of a core meanwhile", cores_of(run), values=run.cores),
        Row.of("… the limit", _limit(measured)),
    ]


def _limit(measured: Measured) -> str:
    cores = len(os.sched_getaffinity(0))
    busy = sum(measured.best.cores.values())
    busiest = max(measured.best.cores[name] for name in measured.replicas)
    used = f"{busy:.2f} of {cores} cores busy"
    if measured.fastest.failed_at:
        used += f"; with {measured.fastest.failed_at} streams prompts took too long and failed"
    if busy >= _FULL * cores:
        return f"the machine: {used}"
    if busiest >= _FULL:
        return f"a replica: its core is {busiest:.0%} busy, {used}"
    if all(run.keeps_up for run in measured.runs):
        return f"none yet: {used}"
    return f"neither is full: {used}, the busiest replica {busiest:.0%}"


def _costs(one: Measured) -> list[Row]:
    """The cost of an answer for each part, from the fullest run that one replica kept up with."""
    run = max((run for run in one.runs if run.keeps_up), key=_streams, default=one.best)
    load, counts = run.load, one.counts[run.name]
    share = {name: value / load.streams for name, value in counts.items()}
    cpu = {name: used / load.streams * 1e3 for name, used in run.meter.used.items()}
    publications = statistics.mean(shown.publications for shown in run.shown)
    browser = statistics.mean(shown.bytes for shown in run.shown)
    provider = statistics.mean(
        sum(len(piece.event) for piece in pieces(load.tokens, number, 1))
        for number in range(load.streams)
    )
    outside = provider + browser + HEADERS * (load.tokens + publications)
    hot = counts["hot_updates"] / counts["updates"]
    return [
        Row.of(
            "one answer: at once with",
            f"{load.streams - 1} others of {load.tokens} tokens at {load.rate:g}/s, one replica",
            streams=load.streams,
            tokens=load.tokens,
            rate=load.rate,
        ),
        *(
            Row.of(f"… CPU of {name}", f"{cost:.2f} ms", milliseconds=cost)
            for name, cost in cpu.items()
        ),
        Row.of("… publications", f"{publications:.0f}", number=publications),
        Row.of("… from the provider", f"{provider / 1e3:.0f} KB", bytes=provider),
        Row.of("… to the browser", f"{browser / 1e3:.1f} KB", bytes=browser),
        Row.of(
            "… between the parts, with headers",
            f"{(share['loopback'] - outside) / 1e3:.0f} KB",
            bytes=share["loopback"] - outside,
        ),
        Row.of(
            "… into and out of Redis",
            f"{share['redis_input'] / 1e3:.0f} KB and {share['redis_output'] / 1e3:.0f} KB",
            input=share["redis_input"],
            output=share["redis_output"],
        ),
        Row.of(
            "… memory of Redis until its history expires",
            f"{share['redis_memory'] / 1e3:.0f} KB",
            bytes=share["redis_memory"],
        ),
        Row.of(
            "… rows written",
            f"{share['rows_written']:.0f}, {hot:.0%} of the updates on their page (HOT)",
            number=share["rows_written"],
            hot=hot,
        ),
        Row.of("… transactions", f"{share['transactions']:.1f}", number=share["transactions"]),
        Row.of(
            "… WAL",
            f"{share['wal_bytes'] / 1e3:.0f} KB, {share['wal_page_images']:.2f} page images",
            bytes=share["wal_bytes"],
        ),
        Row.of(
            "… kept in the database, with indexes",
            f"{share['stored_bytes'] / 1e3:.1f} KB",
            bytes=share["stored_bytes"],
        ),
    ]


def _streams(run: Run) -> int:
    return run.load.streams


def _with_replicas(count: int, *, quick: bool) -> Measured:
    measured = Measured([f"replica {number}" for number in range(1, count + 1)])
    with _site(count) as (site, servers, balancer):
        assert site.postgresql is not None
        assert site.redis is not None
        replicas = dict(zip(measured.replicas, servers, strict=True))
        pids = {
            **{name: server.pid for name, server in replicas.items()},
            "nginx": balancer.pid,
            "Centrifugo": site.centrifugo.pid,
            "Redis": site.redis.pid,
            "PostgreSQL": site.postgresql.pid,
            "model": site.model.pid,
        }
        accounts = Accounts(site.server_settings["DATABASE_URL"], site.redis_port)

        def ask(load: Load) -> Run:
            job = Job("centrifugo-llm", site.url, "", load.streams_in_time())
            load_processes = max(1, len(os.sched_getaffinity(0)) // 4)
            return measure(
                load, job, measured.replicas, pids, site.model_port, processes=load_processes
            )

        def run(load: Load) -> Run:
            before = [_answers_made(server) for server in servers]
            with accounts.counted() as counts:
                done = ask(load)
            made = [_answers_made(server) for server in servers]
            measured.answers[done.name] = [b - a for a, b in zip(before, made, strict=True)]
            measured.counts[done.name] = counts
            measured.runs.append(done)
            return done

        ask(Load(streams=30, tokens=20))
        steps, tokens = (_STREAMS[:1], 100) if quick else (_STREAMS, _TOKENS)
        measured.fastest = saturated(run, steps, tokens, _PROMPTS_PER_SECOND)
    return measured


@contextmanager
def _site(count: int) -> Iterator[tuple[Deployment, Sequence[Process], Process]]:
    """The parts with so many replicas; nginx is in front of a single one as well."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        site = Deployment(
            folder=folder, replicas=0, engine="redis", database="postgresql", settings=LIMITS
        )
        stack.enter_context(site)
        servers = [
            stack.enter_context(site.server(number, **_metrics())) for number in range(2, count + 2)
        ]
        ports = [server.port for server in servers]
        balancer = stack.enter_context(parts.grpc_balancer(site.door_port, ports, folder))
        yield site, servers, balancer


def _metrics() -> Mapping[str, str]:
    return {"METRICS_LISTEN": f"127.0.0.1:{free_port()}"}


def _answers_made(server: Process) -> float:
    """How many answers a replica has completed, by its own metrics."""
    url = f"http://{server.environment['METRICS_LISTEN']}/metrics"
    with urllib.request.urlopen(url) as reply:
        lines = reply.read().decode().splitlines()
    completed = 'llm_generations_total{status="complete"} '
    return sum(float(line.removeprefix(completed)) for line in lines if line.startswith(completed))
