"""The cost for PostgreSQL of each replica's regular look at all answers, with many answers."""

import tempfile
from functools import partial
from pathlib import Path

import sqlalchemy as sa
import uvloop

from bench.meter import cpu_seconds
from bench.report import Row
from proxy_server.store.database import Store
from proxy_server.store.generations import Leases
from proxy_server.store.migrate import migrate
from testbed import parts
from testbed.ports import free_port
from testbed.process import Process

ANSWERS = (1_000, 10_000)
_ANSWER_SECONDS = 15
_MINUTE = 60
"""How long the limit on prompts remembers each."""
_LOOKS = 20
_WARM = 8
_FILL = sa.text("""
INSERT INTO generations (message, conversation, ordinal, owner, model, created_at, status,
                         runner, lease, parts, position_offset, position_epoch)
SELECT gen_random_uuid(), repeat(gen_random_uuid()::text, 2), 2, gen_random_uuid(), 'test', 0,
       'streaming', 'another', extract(epoch FROM clock_timestamp()) + 3600, repeat('x', 800),
       1, 'epoch'
FROM generate_series(1, CAST(:count AS integer))
""")
_ADMIT = sa.text("""
INSERT INTO admissions (owner, at)
SELECT gen_random_uuid(), extract(epoch FROM clock_timestamp())
FROM generate_series(1, CAST(:count AS integer))
""")


def scans() -> list[Row]:
    """CPU of one look, which a replica takes each second; nothing is found."""
    with tempfile.TemporaryDirectory(prefix="postgresql-") as folder:
        port = free_port()
        with parts.postgresql(port, Path(folder)) as postgresql:
            costs = uvloop.run(
                _costs(f"postgresql://postgres@127.0.0.1:{port}/postgres", postgresql)
            )
    return [
        Row.of(
            f"a replica's look, each second, {count:,} answers",
            f"{cost * 1e3:.2f} ms of PostgreSQL",
            milliseconds=cost * 1e3,
        )
        for count, cost in zip(ANSWERS, costs, strict=True)
    ]


async def _costs(url: str, postgresql: Process) -> list[float]:
    store = Store(url)
    await migrate(store)
    leases = Leases(store, "bench", 5)
    costs, answers = [], 0
    for count in ANSWERS:
        await store.write(partial(_fill, count - answers))
        answers = count
        await _look(leases, _WARM)
        before = cpu_seconds(postgresql.pid)
        await _look(leases, _LOOKS)
        costs.append((cpu_seconds(postgresql.pid) - before) / _LOOKS)
    await store.close()
    return costs


def _fill(answers: int, connection: sa.Connection) -> None:
    connection.execute(_FILL, {"count": answers})
    connection.execute(_ADMIT, {"count": answers * _MINUTE // _ANSWER_SECONDS})
    connection.execute(sa.text("ANALYZE"))


async def _look(leases: Leases, times: int) -> None:
    for _ in range(times):
        await leases.take_over(50)
        await leases.start_orphans(50)
