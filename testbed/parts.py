"""How each real part is started: Centrifugo, Redis, PostgreSQL, nginx, the model, the server."""

import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from centrifugo.build import HERE as CENTRIFUGO
from centrifugo.build import binary
from testbed.machine import pgbouncer as pgbouncer_program
from testbed.machine import postgres as postgres_folder
from testbed.machine import redis_server
from testbed.nginx import nginx
from testbed.process import Process


def centrifugo(port: int, environment: Mapping[str, str], folder: Path) -> Process:
    command = [str(binary()), "-c", str(CENTRIFUGO / "config.json")]
    # in another folder: it would read the developer's .env here
    return Process(
        "Centrifugo", command, port, folder / "centrifugo.log", environment, folder=folder
    )


def model(port: int, folder: Path) -> Process:
    command = [sys.executable, "-m", "testbed.model_server", str(port)]
    return Process("the model server", command, port, folder / "model.log")


def proxy_server(
    port: int,
    environment: Mapping[str, str],
    folder: Path,
    *,
    number: int = 1,
    module: str = "proxy_server",
) -> Process:
    """One replica.

    module: what is run in place of the server's main module; arguments may follow the name.
    """
    return Process(
        f"proxy server {number}",
        [sys.executable, "-m", *module.split()],
        port,
        folder / f"server-{number}.log",
        {**environment, "GRPC_LISTEN": f"127.0.0.1:{port}"},
    )


def redis(port: int, folder: Path) -> Process:
    """Stores its data in an append-only file, so that a restart loses nothing."""
    command = [_found(redis_server(), "redis-server"), "--bind", "127.0.0.1", "--port", str(port)]
    command += ["--dir", str(folder), "--save", "", "--appendonly", "yes"]
    return Process("Redis", command, port, folder / "redis.log")


def postgresql(port: int, folder: Path) -> Process:
    """A new cluster in the empty `folder`, with a superuser `postgres`.

    PostgreSQL refuses to run as root. So if we are root, the account `postgres` gets the folder,
    which must be where that account has access.
    """
    programs = Path(_found(postgres_folder(), "postgresql"))
    account = _another_than_root()
    data = folder / "data"
    if os.geteuid() == 0:
        owner = pwd.getpwnam("postgres")
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    subprocess.run(
        [
            *account,
            *(str(programs / "initdb"), "--pgdata", str(data), "--username", "postgres"),
            *("--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-instructions"),
        ],
        check=True,
        stdout=subprocess.DEVNULL,
        cwd="/",
    )
    command = [*account, str(programs / "postgres"), "-D", str(data), "-k", str(data)]
    command += ["-p", str(port)]
    command += ["-c", "listen_addresses=127.0.0.1", "-c", "max_connections=200"]
    ready = [str(programs / "pg_isready"), "--quiet", "-h", "127.0.0.1", "-p", str(port)]
    return Process(
        "PostgreSQL",
        command,
        port,
        folder / "postgresql.log",
        ready=lambda: subprocess.run(ready, check=False).returncode == 0,
        # a fast shutdown: SIGTERM would wait until the last client has gone
        end=signal.SIGINT,
    )


def _another_than_root() -> list[str]:
    """A command prefix that runs the command as the account `postgres` if we are root.

    Not `subprocess.run(user=…)`: that forks, and a child forked beside gRPC's threads may crash.
    """
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]


def pgbouncer(port: int, database_port: int, folder: Path) -> Process:
    """PgBouncer in transaction mode before PostgreSQL, with fewer connections than clients."""
    own = folder / f"pgbouncer-{port}"
    own.mkdir()
    config = own / "pgbouncer.ini"
    config.write_text(
        f"""[databases]
* = host=127.0.0.1 port={database_port} user=postgres

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 3
max_client_conn = 200
"""
    )
    # it refuses to run as root
    command = [*_another_than_root(), _found(pgbouncer_program(), "pgbouncer"), str(config)]
    log = folder / f"pgbouncer-{port}.log"
    return Process("PgBouncer", command, port, log, end=signal.SIGINT)


def grpc_balancer(port: int, targets: list[int], folder: Path) -> Process:
    """nginx that spreads the calls of one connection over the targets."""
    servers = "".join(f"  server 127.0.0.1:{t} max_fails=1 fail_timeout=1s;\n" for t in targets)
    http = f"""upstream replicas {{
{servers}  keepalive 1024;
  keepalive_timeout 2s;
}}
server {{
  listen 127.0.0.1:{port} http2;
  keepalive_requests 1000000;
  http2_max_concurrent_streams 4096;
  location / {{
    grpc_pass grpc://replicas;
    grpc_connect_timeout 1s;
    grpc_read_timeout 5s;
    grpc_next_upstream error timeout http_502 http_503;
  }}
}}
"""
    return nginx(port, http, folder)


def _found(program: Path | None, name: str) -> str:
    if program is None:
        raise FileNotFoundError(f"{name} is not installed on this machine")
    return str(program)
