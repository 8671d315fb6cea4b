"""The CPU time and memory of tokens, answers, subscriptions and streams."""

import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from bench.jobs import Load
from bench.report import Row, Used
from bench.runs import Pace, Run, percentiles
from bench.site import Floor, Site
from proxy_server.pb import proxy_pb2, proxy_pb2_grpc
from testbed.deployment import CREDENTIAL
from testbed.ports import listens
from testbed.process import Process

MICRO = 1e6
SERVICE = "centrifugal.centrifugo.proxy.CentrifugoProxy"
_PAIRS = 40
_STARTS = 7
_CALLS = 400
_AT_ONCE = 8
_Call = Callable[[], Awaitable[Any]]


def long_load(site: Site) -> Load:
    return Load(streams=200, tokens=250 if site.quick else 500)


def tokens(site: Site) -> list[Row]:
    """CPU per token at 200 streams: all that the process used, divided by all tokens.

    The floor, ours and SSE in turns, because the machine changes too: each ratio is from one turn.
    """
    load = long_load(site)
    turns = [_turn(site, load) for _ in range(1 if site.quick else 3)]
    ours = statistics.median(run.cost_per_token for _, run, _ in turns)
    above = [run.cost_per_token / floor.cost_per_token for floor, run, _ in turns]
    below = [run.cost_per_token / sse.cost_per_token for _, run, sse in turns]
    paces = [part.pace for floor, run, _ in turns for part in (floor, run)]
    return [
        Row.of(
            "CPU per token, 200 streams",
            f"{ours * MICRO:.1f} µs",
            paces=paces,
            one_by_one=True,
            microseconds=ours * MICRO,
        ),
        _ratio(
            "… against the floor",
            above,
            statistics.median(floor.cost_per_token for floor, _, _ in turns),
            1.6,
            paces,
        ),
        _ratio(
            "… against SSE",
            below,
            statistics.median(sse.cost_per_token for _, _, sse in turns),
            1 / 5,
            paces,
        ),
    ]


def _turn(site: Site, load: Load) -> tuple[Floor, Run, Run]:
    floor, ours = site.floor(load), site.run(load)
    with site.peer("sse", site.model_url) as peer:
        site.run(Load(streams=10, tokens=20, spread=0.1), "sse", peer)
        return floor, ours, site.run(load, "sse", peer)


def _ratio(figure: str, ratios: list[float], peer: float, most: float, paces: list[Pace]) -> Row:
    ratio = statistics.median(ratios)
    return Row.of(
        figure,
        f"{ratio:.2f} × {peer * MICRO:.1f} µs ({min(ratios):.2f} to {max(ratios):.2f})",
        (f"≤ {most:g} ×", ratio <= most),
        paces=paces,
        one_by_one=True,
        ratio=ratio,
        peer=peer * MICRO,
    )


def answers(site: Site) -> list[Row]:
    """The cost of an answer besides its tokens; these answers have two."""
    first = Load(streams=250 if site.quick else 1000, tokens=2, spread=1 if site.quick else 4)
    later = Load(
        streams=50 if site.quick else 500, tokens=2, spread=0.2 if site.quick else 2, turns=5
    )
    return [
        *_answers(site, first, "first of a conversation"),
        *_answers(site, later, "10 messages before it"),
    ]


def _answers(site: Site, load: Load, what: str) -> list[Row]:
    run = site.run(load)
    cost = run.cost / load.streams
    seconds = max(one.replied_at for one in run.shown) - min(one.asked_at for one in run.shown)
    accepted = load.streams / seconds
    p50, p99 = percentiles([one.replied_at - one.asked_at for one in run.shown])
    asked = load.streams / load.spread
    return [
        Row.of(
            f"CPU of an answer of 2 tokens, {what}",
            f"{cost * 1e3:.1f} ms",
            ("≤ 6 ms", cost <= 0.006),
            milliseconds=cost * 1e3,
        ),
        Row.of(
            f"prompts accepted, {what}",
            f"{accepted:.0f}/s of {asked:.0f}/s; reply p50 {p50 * 1e3:.0f}, p99 {p99 * 1e3:.0f} ms",
            ("≥ 150/s", accepted >= 150),
            accepted=accepted,
        ),
    ]


def subscriptions(site: Site) -> list[Row]:
    with site.metered("subscription checks and empty calls"):
        check = asyncio.run(_subscription_cost(site.server))
    return [
        Row.of(
            "a subscription check, beyond an empty call",
            f"{check * MICRO:.0f} µs",
            ("≤ 50 µs", check <= 50e-6),
            microseconds=check * MICRO,
        )
    ]


async def _subscription_cost(server: Process) -> float:
    known = (("x-centrifugo-credential", CREDENTIAL),)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        proxy: Any = proxy_pb2_grpc.CentrifugoProxyStub(channel)
        health: Any = health_pb2_grpc.HealthStub(channel)
        empty = health_pb2.HealthCheckRequest()
        asked = proxy_pb2.RPCRequest(user="bench", method="ai:send", data=b'{"text": "/tokens 1"}')
        reply = await proxy.RPC(asked, metadata=known)
        wanted = proxy_pb2.SubscribeRequest(
            user="bench", channel=json.loads(reply.result.data)["channel"]
        )
        calls: list[_Call] = [
            lambda: health.Check(empty, metadata=known),
            lambda: proxy.Subscribe(wanted, metadata=known),
        ]
        beyond = []
        # one right after the other: the rest of the machine's load changes slower than that
        for _ in range(_PAIRS):
            without, with_check = [await _cost(server, call) for call in calls]
            beyond.append(with_check - without)
    return statistics.median(beyond)


async def _cost(server: Process, call: _Call) -> float:
    async def some() -> None:
        for _ in range(_CALLS // _AT_ONCE):
            await call()

    before = server.cpu_seconds()
    await asyncio.gather(*(some() for _ in range(_AT_ONCE)))
    return (server.cpu_seconds() - before) / _CALLS


def memory(site: Site) -> list[Row]:
    """The peak memory at 1,000 streams beyond the peak at 100, and what holds it."""
    few = Load(streams=100, tokens=60, rate=5, spread=1)
    many = Load(streams=1000, tokens=60, rate=5, spread=8)
    site.run(few)
    most = []
    for load in (few, many):
        Path(f"/proc/{site.server.pid}/clear_refs").write_text("5")
        site.run(load)
        most.append(_most_memory(site.server.pid))
    streams = many.streams - few.streams
    extra = (most[1] - most[0]) / streams
    idle = _idle_memory(site, few.streams, many.streams) / streams
    return [
        Row.of(
            "memory per extra stream, 1,000 streams",
            f"{extra / 1024:.0f} KB",
            ("≤ 64 KB", extra <= 64 << 10),
            bytes=extra,
        ),
        Row.of(
            "… of it, the idle connection to the provider",
            f"{idle / 1024:.0f} KB: request, response, parser, socket",
            bytes=idle,
        ),
        Row.of(
            "… of it, all else",
            f"{(extra - idle) / 1024:.0f} KB: task, text, what was read and published of late",
            bytes=extra - idle,
        ),
    ]


def _idle_memory(site: Site, few: int, many: int) -> int:
    """How much a process grows by idle streams."""
    command = [sys.executable, "-m", "bench.peers.idle", site.model_url]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        sizes = []
        for count in (few, many):
            process.stdin.write(f"{count}\n")
            sizes.append(int(process.stdout.readline()))
        process.stdin.close()
    return sizes[1] - sizes[0]


def _most_memory(pid: int) -> int:
    """The high-water mark of resident bytes since it was last cleared."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) << 10
    raise LookupError("VmHWM")


def growth(site: Site) -> list[Row]:
    count = long_load(site).tokens
    runs = [site.ours(Load(streams=n, tokens=count)) for n in (50, 400)]
    few, many = (run.cost_per_token for run in runs)
    short, long = (
        sum(one.bytes for one in site.ours(Load(streams=20, tokens=n, after=0.5)).shown)
        for n in (50, 500)
    )
    return [
        Row.of(
            "growth: CPU per token, 400 streams against 50",
            f"{many / few:.2f} × ({many * MICRO:.1f} against {few * MICRO:.1f} µs)",
            ("≤ 1.15 ×", many <= 1.15 * few),
            paces=[run.pace for run in runs],
            one_by_one=True,
            ratio=many / few,
        ),
        Row.of(
            "growth: bytes of an answer ten times as long",
            f"{long / short:.1f} ×",
            ("≤ 10.5 ×", long <= 10.5 * short),
            ratio=long / short,
        ),
    ]


def start(site: Site) -> list[Row]:
    """From the start of the process, with a new database each time, until it serves."""
    seconds = []
    for number in range(1, _STARTS + 1):
        server = site.another_server(f"start {number}")
        server.ready = partial(_serves, server.port)
        began = time.monotonic()
        with server:
            seconds.append(time.monotonic() - began)
            cpu = {server.name: server.cpu_seconds()}
        site.used.append(Used(f"start {number}", [server.name], cpu))
    typical = statistics.median(seconds)
    return [
        Row.of(
            "start of the process to ready",
            f"{typical:.2f} s ({min(seconds):.2f} to {max(seconds):.2f})",
            ("≤ 1.5 s", typical <= 1.5),
            seconds=typical,
        )
    ]


def _serves(port: int) -> bool:
    if not listens(port):
        return False
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        health: Any = health_pb2_grpc.HealthStub(channel)
        try:
            said = health.Check(health_pb2.HealthCheckRequest(service=SERVICE), timeout=1)
        except grpc.RpcError:
            return False
    return bool(said.status == health_pb2.HealthCheckResponse.SERVING)
