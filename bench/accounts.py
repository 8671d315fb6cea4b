"""The counters of PostgreSQL, Redis and the loopback, read before and after a run."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
import uvloop

from proxy_server.store.database import Store

# its sessions report statistics once a second, at most
_STATISTICS_SECONDS = 2.0
_POSTGRESQL = sa.text("""
SELECT pg_current_wal_insert_lsn() - '0/0' AS wal_bytes,
       (SELECT wal_fpi FROM pg_stat_wal) AS wal_page_images,
       xact_commit AS transactions,
       tup_inserted + tup_updated + tup_deleted AS rows_written,
       (SELECT sum(n_tup_upd) FROM pg_stat_user_tables) AS updates,
       (SELECT sum(n_tup_hot_upd) FROM pg_stat_user_tables) AS hot_updates,
       (SELECT sum(pg_total_relation_size(relid)) FROM pg_stat_user_tables
        WHERE relname IN ('conversations', 'messages')) AS stored_bytes
FROM pg_stat_database WHERE datname = current_database()
""")
_REDIS = {
    "used_memory": "redis_memory",
    "total_net_input_bytes": "redis_input",
    "total_net_output_bytes": "redis_output",
}


class Accounts:
    """The counters of one deployment."""

    def __init__(self, database_url: str, redis_port: int) -> None:
        self._database_url = database_url
        self._redis_port = redis_port

    @contextmanager
    def counted(self) -> Iterator[dict[str, float]]:
        """Yields a dict that has the increase of each counter once the context ends."""
        time.sleep(_STATISTICS_SECONDS)
        before = self._read()
        counts: dict[str, float] = {}
        yield counts
        time.sleep(_STATISTICS_SECONDS)
        counts |= {name: value - before[name] for name, value in self._read().items()}

    def _read(self) -> dict[str, float]:
        return {
            "loopback": _loopback_bytes(),
            **_redis(self._redis_port),
            **uvloop.run(_postgresql(self._database_url)),
        }


async def _postgresql(url: str) -> dict[str, float]:
    store = Store(url)
    row = await store.read(lambda connection: connection.execute(_POSTGRESQL).one())
    await store.close()
    return {name: float(value) for name, value in row._mapping.items()}


def _redis(port: int) -> dict[str, float]:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"INFO\r\nQUIT\r\n")
        with connection.makefile() as reply:
            said = dict(line.strip().split(":", 1) for line in reply if ":" in line)
    return {name: float(said[key]) for key, name in _REDIS.items()}


def _loopback_bytes() -> float:
    """With the headers of all layers, for all programs on this machine."""
    for line in Path("/proc/net/dev").read_text().splitlines():
        name, _, counters = line.strip().partition(":")
        if name == "lo":
            return float(counters.split()[0])
    raise LookupError("lo")
