"""A hostile user, in a process of his own."""

import subprocess
import sys
from collections.abc import Sequence
from time import sleep

from testbed.hermetic import inherited


def be_hostile(arguments: Sequence[str], seconds: float) -> bool:
    """Whether he got in: he may not, where another part is broken."""
    # not by the event loop's own means: uvloop forks
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
