"""Starts everything on one machine: Centrifugo, the model, the proxy server and the page."""

import argparse
import errno
import fcntl
import http.client
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from centrifugo.build import BuildFailed, binary
from run.environment import FILE, settings, wants_local_model
from run.found_models import offers
from run.parent import end_with, ending_with_me
from run.parts import ROOT, Part, Ports, parts
from run.process import READY_SECONDS, NotReadyError, Running

POLL_SECONDS = 0.05
# a terminal's Ctrl-C, a plain kill, a closed terminal
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Asked:
    """How often a signal asked to end: the first ends in order, the second at once."""

    def __init__(self) -> None:
        self.times = 0
        for number in ENDING:
            signal.signal(number, self._count)

    def _count(self, *_: object) -> None:
        self.times += 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--settings", type=Path, default=FILE, help="file of settings, instead of .env"
    )
    if "MAKELEVEL" in os.environ:
        end_with(os.getppid())
    # default handling until parts run; a build of Centrifugo ends with us
    for number in ENDING:
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    given = settings(parser.parse_args().settings)
    try:
        ports = Ports.of(given)
        planned = parts(given, ports)
    except ValueError as error:
        sys.exit(f"A setting must be a number, but is not: {error}.")
    if (file := given.get("LOCAL_MODEL")) and not Path(file).is_file():
        sys.exit(f"LOCAL_MODEL={file} does not exist: give the path of a model's weights (.gguf).")
    with _alone(ports.page):
        # before the first build of Centrifugo, which takes minutes
        for part in planned:
            _refuse_if_taken(part, ports)
        needed = parts(given, ports, _built(given))
        _run(needed, _address(needed[-1]), Asked(), [*_others(given), *_reloading(given)])


def _built(given: Mapping[str, str]) -> Path:
    try:
        return binary(given, ending_with_me())
    except BuildFailed as error:
        sys.exit(str(error))


def _others(given: Mapping[str, str]) -> list[str]:
    """What else could answer, if the built-in model would."""
    return [] if given.get("LOCAL_MODEL") or not wants_local_model(given) else offers()


def _reloading(given: Mapping[str, str]) -> list[str]:
    """A hint about reloading, for authors of responders."""
    responder = given.get("RESPONDER", "")
    if not responder or "://" in responder or given.get("RELOAD"):
        return []
    return [f"RELOAD=1 RESPONDER={responder} make run follows the changes of its files."]


def _run(needed: list[Part], address: str, asked: Asked, others: list[str]) -> None:
    running: list[tuple[Part, Running]] = []
    try:
        for part in needed:
            process = _start(part)
            running.append((part, process))
            _wait_until_ready(part, process, asked)
        if not asked.times:
            print(f"\n  Ready: {address}   (Ctrl-C ends it)\n", flush=True)
            for offer in others:
                print(f"  {offer}\n", flush=True)
        _watch(running, asked)
    finally:
        for part, process in reversed(running):
            process.end(signal.SIGTERM, part.end_seconds, lambda: asked.times > 1)


def _start(part: Part) -> Running:
    try:
        return Running(part.command, part.environment, part.folder, ends_with_us=True)
    except OSError as error:
        sys.exit(f"{_named(part)} cannot be started: {part.command[0]}: {error.strerror}.")


@contextmanager
def _alone(port: int) -> Iterator[None]:
    """Two runs at once would each wait for ports that the other opens."""
    (ROOT / ".cache").mkdir(exist_ok=True)
    with Path(ROOT / ".cache" / "run.lock").open("w") as lock:
        try:
            # a byte per port in one file: a file per port would remain, and removing it would be a
            # race
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EAGAIN):
                raise
            sys.exit("`make run` is already running: stop that one first.")
        yield


def _refuse_if_taken(part: Part, ports: Ports) -> None:
    for port in part.ports:
        if _listens(part, port):
            sys.exit(
                f"Port {port}, which {part.name} needs, is used by another program: stop that, "
                f"or choose another port with {ports.setting(port)}."
            )


def _wait_until_ready(part: Part, process: Running, asked: Asked) -> None:
    try:
        process.wait_until(lambda: _serves(part), READY_SECONDS, lambda: asked.times > 0)
    except NotReadyError as error:
        if error.status is not None:
            sys.exit(f"{_named(part)} stopped while it was starting (see above).")
        sys.exit(f"{_named(part)} was not ready within {READY_SECONDS:.0f} seconds.")


def _watch(running: list[tuple[Part, Running]], asked: Asked) -> None:
    while not asked.times:
        for part, process in running:
            if process.status is not None:
                sys.exit(
                    f"{_named(part)} stopped with status {process.status}, and the rest with it."
                )
        time.sleep(POLL_SECONDS)


def _serves(part: Part) -> bool:
    return all(_listens(part, port) for port in part.ports) and _healthy(part)


def _listens(part: Part, port: int) -> bool:
    for host in part.hosts:
        try:
            socket.create_connection((host, port), timeout=1).close()
        except OSError:
            continue
        return True
    return False


def _healthy(part: Part) -> bool:
    if not part.health:
        return True
    asking = http.client.HTTPConnection("127.0.0.1", part.ports[0], timeout=1)
    try:
        asking.request("GET", "/health")
        return asking.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        asking.close()


def _address(page: Part) -> str:
    host = page.hosts[0] if len(page.hosts) == 1 else "localhost"
    return f"http://{host}:{page.ports[0]}"


def _named(part: Part) -> str:
    return part.name[0].upper() + part.name[1:]


if __name__ == "__main__":
    main()
