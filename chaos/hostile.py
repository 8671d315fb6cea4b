"""A hostile user, in a separate process."""

import subprocess
import sys
from collections.abc import Sequence
from time import sleep

from testbed.hermetic import inherited


def be_hostile(arguments: Sequence[str], seconds: float) -> bool:
    """Whether it could connect: it may fail to if another part is broken."""
    # not with asyncio's subprocesses: uvloop forks
    with subprocess.Popen(
        [sys.executable, "-m", "bench.peers.hostile", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=inherited(),
    ) as process:
        assert process.stdout is not None
        try:
            ready = process.stdout.readline()
            sleep(seconds)
        finally:
            process.kill()
    return bool(ready)
