"""nginx with a given configuration, in a folder of its own."""

import os
import signal
import subprocess
from pathlib import Path

from testbed import machine
from testbed.process import Process

_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def nginx(port: int, http: str, folder: Path) -> Process:
    """`http` is the content of `http { … }`; it must listen on `port`."""
    program = machine.nginx()
    if program is None:
        raise FileNotFoundError("nginx is not installed on this machine")
    own = folder / f"nginx-{port}"
    own.mkdir(exist_ok=True)
    temporary = "\n".join(f"{kind}_temp_path {own}/{kind};" for kind in _TEMPORARY)
    config = own / "nginx.conf"
    config.write_text(
        f"""daemon off;
{"user root;" if os.geteuid() == 0 else ""}
pid {own}/pid;
error_log stderr warn;
worker_processes 1;
events {{ worker_connections 8192; }}
http {{
access_log off;
{temporary}
{http}
}}
"""
    )
    command = [str(program), "-p", str(own), "-c", str(config)]
    subprocess.run([*command, "-t", "-q"], check=True)
    return Process("nginx", command, port, folder / f"nginx-{port}.log", end=signal.SIGQUIT)
