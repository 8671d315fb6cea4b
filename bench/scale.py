"""One, two and three replicas behind nginx, on PostgreSQL and Redis, under the same load."""

import tempfile
from contextlib import ExitStack
from pathlib import Path

from bench.jobs import Job, Load
from bench.report import Row
from bench.runs import Run, measure
from bench.site import LIMITS
from testbed import parts
from testbed.deployment import Deployment

_REPLICAS = (1, 2, 3)


def scale(*, quick: bool) -> tuple[list[Row], list[Run]]:
    """The figures, and the run with each number of replicas."""
    load = Load(streams=300, tokens=200 if quick else 500, spread=3)
    runs = [_with_replicas(count, load) for count in _REPLICAS]
    rows: list[Row] = []
    for count, run in zip(_REPLICAS, runs, strict=True):
        shares = [run.cpu[name] / run.cost for name in run.tested]
        rows.append(
            Row.of(
                f"{count} replica{'s' if count > 1 else ''}",
                f"{run.rate:,.0f} tokens/s of {load.streams * load.rate:,.0f} asked, "
                f"{run.cost_per_token * 1e6:.1f} µs of CPU per token in all replicas "
                f"({run.cost / runs[0].cost:.2f} × one), spread "
                + " : ".join(f"{share:.0%}" for share in shares),
                tokens_per_second=run.rate,
                token=run.cost_per_token * 1e6,
                busiest=max(run.cpu[name] for name in run.tested) / run.seconds,
            )
        )
    return rows, runs


def _with_replicas(count: int, load: Load) -> Run:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        site = stack.enter_context(
            Deployment(
                folder=folder,
                replicas=0,
                engine="redis",
                database="postgresql",
                settings=LIMITS,
            )
        )
        # nginx stands before a single one as well: the same set-up
        servers = [stack.enter_context(site.server(number)) for number in range(2, count + 2)]
        ports = [server.port for server in servers]
        balancer = stack.enter_context(parts.grpc_balancer(site.door_port, ports, folder))
        assert site.postgresql is not None
        assert site.redis is not None
        tested = [f"replica {number}" for number in range(1, count + 1)]
        pids = {
            **{name: server.pid for name, server in zip(tested, servers, strict=True)},
            "nginx": balancer.pid,
            "Centrifugo": site.centrifugo.pid,
            "Redis": site.redis.pid,
            "PostgreSQL": site.postgresql.pid,
            "model": site.model.pid,
        }

        def run(asked: Load) -> Run:
            job = Job("centrifugo-llm", site.url, "", asked.streams_in_time())
            return measure(asked, job, tested, pids)

        run(Load(streams=30, tokens=20))
        return run(load)
