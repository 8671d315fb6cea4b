"""What tokens, answers, subscriptions and streams cost in CPU time and memory."""

import asyncio
import json
import statistics
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from bench.jobs import Load
from bench.report import Row
from bench.site import Site
from proxy_server.pb import proxy_pb2, proxy_pb2_grpc
from testbed.deployment import CREDENTIAL
from testbed.process import Process

MICRO = 1e6
_PAIRS = 40
_CALLS = 400
_AT_ONCE = 8
_Call = Callable[[], Awaitable[Any]]


def long_load(site: Site) -> Load:
    return Load(streams=200, tokens=250 if site.quick else 500)


def tokens(site: Site) -> list[Row]:
    """CPU per token at 200 streams: all that the process used, divided by all tokens."""
    load = long_load(site)
    floor = site.floor(load) / load.all_tokens
    ours = site.ours(load).cost_per_token
    sse = site.sse(load).cost_per_token
    return [
        Row.of("CPU per token, 200 streams", f"{ours * MICRO:.1f} µs", ours=ours * MICRO),
        Row.of(
            "… against floor",
            f"{ours / floor:.2f} × {floor * MICRO:.1f} µs",
            ("≤ 1.6 ×", ours <= 1.6 * floor),
            ratio=ours / floor,
            floor=floor * MICRO,
        ),
        Row.of(
            "… against SSE",
            f"1/{sse / ours:.1f} of {sse * MICRO:.0f} µs",
            ("≤ 1/5", ours <= sse / 5),
            ratio=ours / sse,
            sse=sse * MICRO,
        ),
    ]


def answers(site: Site) -> list[Row]:
    """What an answer costs besides its tokens, of which these have two."""
    burst = Load(streams=250 if site.quick else 1000, tokens=2, spread=1 if site.quick else 4)
    run = site.ours(burst)
    cost = run.cost / burst.streams
    seconds = max(one.replied_at for one in run.shown) - min(one.asked_at for one in run.shown)
    waited = statistics.quantiles(
        [one.replied_at - one.asked_at for one in run.shown], n=100, method="inclusive"
    )
    accepted = burst.streams / seconds
    return [
        Row.of(
            "CPU of an answer of 2 tokens",
            f"{cost * 1e3:.1f} ms",
            ("≤ 6 ms", cost <= 0.006),
            milliseconds=cost * 1e3,
        ),
        Row.of(
            "prompts accepted, of 250 a second",
            f"{accepted:.0f}/s, reply p50 {waited[49] * 1e3:.0f} ms, p99 {waited[98] * 1e3:.0f} ms",
            ("≥ 150/s", accepted >= 150),
            accepted=accepted,
        ),
    ]


def subscriptions(site: Site) -> list[Row]:
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
        # one right after the other: what else the machine does changes slower than that
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
    """The most memory at 1,000 streams beyond the most at 100."""
    few = Load(streams=100, tokens=60, rate=5, spread=1)
    many = Load(streams=1000, tokens=60, rate=5, spread=8)
    site.run(few)
    most = []
    for load in (few, many):
        Path(f"/proc/{site.server.pid}/clear_refs").write_text("5")
        site.run(load)
        most.append(_most_memory(site.server.pid))
    extra = (most[1] - most[0]) / (many.streams - few.streams)
    return [
        Row.of(
            "memory per extra stream, 1,000 streams",
            f"{extra / 1024:.0f} KB",
            ("≤ 64 KB", extra <= 64 << 10),
            bytes=extra,
        )
    ]


def _most_memory(pid: int) -> int:
    """The high-water mark of resident bytes since it was last cleared."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) << 10
    raise LookupError("VmHWM")


def growth(site: Site) -> list[Row]:
    count = long_load(site).tokens
    few, many = (site.ours(Load(streams=n, tokens=count)).cost_per_token for n in (50, 400))
    short, long = (
        sum(one.bytes for one in site.ours(Load(streams=20, tokens=n, after=0.5)).shown)
        for n in (50, 500)
    )
    return [
        Row.of(
            "growth: CPU per token, 400 streams against 50",
            f"{many / few:.2f} × ({many * MICRO:.1f} against {few * MICRO:.1f} µs)",
            ("≤ 1.15 ×", many <= 1.15 * few),
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
    """From the start of the process until it serves: with a new database, and with one that is."""
    seconds = []
    for _ in range(3):
        server = site.another_server()
        began = time.monotonic()
        with server:
            seconds.append(time.monotonic() - began)
    worst = max(seconds)
    return [
        Row.of(
            "start of the process to ready",
            f"{worst:.2f} s, the longest of 3",
            ("≤ 1.5 s", worst <= 1.5),
            seconds=worst,
        )
    ]
