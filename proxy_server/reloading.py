"""`--reload`: the server ends in order and restarts when a file of its responder changes."""

import importlib.util
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import structlog
from watchfiles import PythonFilter, watch

from proxy_server.errors import ResponderUnusable

_LOOK_MILLISECONDS = 300
# beyond the time that running answers get
_END_SECONDS = 10
_NOT_SOURCES = ("node_modules", "__pycache__")

log = structlog.get_logger()


def serve_and_reload(places: Iterable[str], grace_seconds: float) -> int:
    """Runs one server after another until asked to end; returns the last one's exit status.

    Raises ResponderUnusable if there is nothing to watch.
    places: the Python objects that the settings name.
    grace_seconds: the time that running answers get.
    """
    modules = sorted({place.partition(":")[0].partition(".")[0] for place in places})
    if not modules:
        raise ResponderUnusable(
            "--reload needs files to watch: set RESPONDER=package.module:attribute"
        )
    _folders(modules)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    server = _Server()
    for changed in _changes(modules, stop):
        if changed:
            log.info("reloading", files=sorted(changed))
            server.end(grace_seconds)
            if not stop.is_set():
                server = _Server()
        else:
            server.look()
    return server.end(grace_seconds)


class _Server:
    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "proxy_server"],
            # two edits in the same second would share one compiled file
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        )
        self._has_ended = False

    def look(self) -> None:
        """Reports that the server ended by itself: it would do so again until something changes."""
        if not self._has_ended and self._process.poll() is not None:
            self._has_ended = True
            log.warning("server_ended", status=self._process.returncode)

    def end(self, grace_seconds: float) -> int:
        if self._process.poll() is None:
            self._process.terminate()
        try:
            return self._process.wait(grace_seconds + _END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()


def _changes(modules: Sequence[str], stop: threading.Event) -> Iterator[set[str]]:
    """Yields the changed files, and regularly an empty set, until asked to end."""
    while not stop.is_set():
        folders = _folders(modules)
        for changes in watch(
            *folders,
            watch_filter=PythonFilter(),
            stop_event=stop,
            raise_interrupt=False,
            recursive=False,
            rust_timeout=_LOOK_MILLISECONDS,
            yield_on_timeout=True,
        ):
            yield {file for _, file in changes}
            if changes and _folders(modules) != folders:
                break


def _folders(modules: Sequence[str]) -> list[Path]:
    """The folders of the sources; not all below them, which may hold a virtualenv or packages."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    found: set[Path] = set()
    for name in modules:
        spec = importlib.util.find_spec(name)
        if spec is None:
            raise ResponderUnusable(f"there is no module {name} to watch")
        for folder in spec.submodule_search_locations or ():
            found.update(_below(Path(folder)))
        if spec.origin is not None:
            found.add(Path(spec.origin).parent)
    return sorted(found)


def _below(folder: Path) -> Iterator[Path]:
    for place, inner, _ in os.walk(folder):
        inner[:] = [
            name
            for name in inner
            if not name.startswith(".")
            and name not in _NOT_SOURCES
            and not (Path(place) / name / "pyvenv.cfg").exists()
        ]
        yield Path(place)
