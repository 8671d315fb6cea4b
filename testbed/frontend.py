"""The npm package and the page, built once for all processes of a test run."""

import fcntl
import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent
FRONTEND = ROOT / "frontend"
_BUILT_BY = ["make", "--silent", "--no-print-directory", "page"]


def build() -> None:
    """Builds what is older than its sources; waits while another process does so.

    A build empties its folder, so it must never run while the folder is served or loaded from.
    """
    lock = ROOT / ".cache" / "frontend.lock"
    lock.parent.mkdir(exist_ok=True)
    # `make test` passes its own options down
    environment = {name: value for name, value in os.environ.items() if name != "MAKEFLAGS"}
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        subprocess.run(_BUILT_BY, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
