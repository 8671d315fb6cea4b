"""What others notice while one user makes calls as fast as possible."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TypedDict

from bench.jobs import Job, Load
from bench.load_process import LoadFailedError
from bench.peers.hostile import METHODS
from bench.report import Row
from bench.runs import Run, WrongTextError, measure, percentiles
from bench.site import Site
from testbed.deployment import Deployment
from testbed.process import resident_bytes

_SOCKETS = 64
_REPLY_TIMES, _TOKEN_TIMES = 3.0, 2.0
_GROWN_BYTES = 64 << 20
_STEADY_SECONDS = 3.0
# answers that have begun would run beside the next measurement
_SETTLED_SECONDS = 10.0


class Shape(TypedDict, total=False):
    """How a deployment differs from the usual one."""

    replicas: int
    engine: Literal["memory", "redis"]
    database: Literal["sqlite", "postgresql"]


def hostile(site: Site) -> list[Row]:
    """One user with many sockets, each method in turn, while 50 others chat.

    All have the default limits for users.
    """
    load = Load(streams=50, tokens=30 if site.quick else 100, spread=1)
    methods = ("ai:open", "ai:send") if site.quick else METHODS
    one_machine: Shape = {}
    many: Shape = {"replicas": 2, "engine": "redis", "database": "postgresql"}
    rows: list[Row] = []
    for where, shape in (("SQLite", one_machine), ("PostgreSQL, two replicas", many)):
        with (
            tempfile.TemporaryDirectory(prefix="hostile-") as folder,
            Deployment(folder=Path(folder), **shape) as running,
        ):
            rows += _rows(where, methods, load, running, site)
    return rows


def _rows(
    where: str, methods: Sequence[str], load: Load, running: Deployment, site: Site
) -> list[Row]:
    replicas = {server.name: server.pid for server in running.servers}
    for pid in replicas.values():
        os.sched_setaffinity(pid, site.cores)
    servers = list(replicas.values())
    job = Job("centrifugo-llm", running.url, "", load.streams_in_time())

    def run() -> Run:
        found = measure(load, job, list(replicas), replicas, running.model_port)
        if cut := sum(one.end != "finish" for one in found.shown):
            raise WrongTextError(f"{where}: {cut} answers of others were interrupted")
        return found

    run()
    quiet = _waits(run())
    memory = sum(map(resident_bytes, servers))
    rows = [
        Row.of(
            f"{where}, nobody hostile: 50 users",
            f"reply p99 {quiet[0] * 1e3:.0f} ms, first token p99 {quiet[1] * 1e3:.0f} ms",
            reply=quiet[0],
            first_token=quiet[1],
        )
    ]
    for method in methods:
        beside = f"… beside `{method}` on {_SOCKETS} sockets"
        try:
            with _hostile_user(running.url, method) as counts:
                reply, token = _waits(run())
        except LoadFailedError:
            rows.append(Row.of(beside, "one of the 50 met an error", ("none", False)))
            time.sleep(_SETTLED_SECONDS)
            continue
        times = reply / quiet[0], token / quiet[1]
        rows.append(
            Row.of(
                beside,
                f"{times[0]:.1f} × the reply, {times[1]:.1f} × the first token; "
                f"{counts.get('granted', 0):,} granted, {counts.get('refused', 0):,} refused",
                (
                    f"≤ {_REPLY_TIMES:g} ×, ≤ {_TOKEN_TIMES:g} ×",
                    times[0] <= _REPLY_TIMES and times[1] <= _TOKEN_TIMES,
                ),
                reply_times=times[0],
                token_times=times[1],
            )
        )
    grown = sum(map(resident_bytes, servers)) - memory
    rows.append(
        Row.of(
            "… what it has left in memory",
            f"{grown / (1 << 20):.0f} MB",
            (f"≤ {_GROWN_BYTES >> 20} MB", grown <= _GROWN_BYTES),
            grown=grown,
        )
    )
    return rows


def _waits(run: Run) -> tuple[float, float]:
    """How long one of a hundred users waits for the reply and for the first token, in seconds."""
    replies = [one.replied_at - one.asked_at for one in run.shown]
    tokens = [one.arrivals[0][0] - one.asked_at for one in run.shown]
    return percentiles(replies)[1], percentiles(tokens)[1]


@contextmanager
def _hostile_user(url: str, method: str) -> Iterator[dict[str, int]]:
    """Makes calls during the context; then has the numbers granted and refused."""
    command = [sys.executable, "-m", "bench.peers.hostile", url, method, str(_SOCKETS)]
    counts: dict[str, int] = {}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            if process.stdout.readline() != "ready\n":
                raise RuntimeError("the hostile user could not connect")
            # skip the first moments, which are a burst rather than the steady state
            time.sleep(_STEADY_SECONDS)
            yield counts
            process.send_signal(signal.SIGTERM)
            counts |= json.loads(process.stdout.readline())
        finally:
            process.kill()
