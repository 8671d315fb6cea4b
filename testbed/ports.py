"""Free loopback ports, each returned once."""

import os
import random
import socket

# Below the kernel's range for outgoing connections: a server that is killed and started again must
# find its port still free.
_FIRST, _LAST = 11_000, 32_000
# Tests that run side by side use separate ranges: a port that is free now could be taken by another
# process before its server listens, or while that is down.
_SHARES = 4
_share = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _SHARES
_size = (_LAST - _FIRST) // _SHARES
_range = range(_FIRST + _share * _size, _FIRST + (_share + 1) * _size)
# returned to callers that may not listen yet
_given: set[int] = set()


def free_port() -> int:
    while True:
        port = random.choice(_range)
        if port in _given:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.add(port)
        return port


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
