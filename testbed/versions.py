"""Earlier versions from the repository, to run beside the present one."""

import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from prometheus_client import REGISTRY

_PACKAGE = "proxy_server"
ROOT = Path(__file__).parent.parent
BEFORE = "679235aa70362a9bb4afc6c1bc4c5c59abefab8c"
"""The previous version: what servers run while they are updated."""
FIRST = "cd22ffa9a6e74c8969a1469793a7ea629e6887d3"
"""A version with another schema and other rooms."""


def sources(commit: str) -> Path:
    """The folder that has that version's package."""
    folder = ROOT / ".cache" / "versions" / commit
    if not folder.exists():
        archive = _archive(commit)
        folder.parent.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(dir=folder.parent))
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            files.extractall(new, filter="data")
        try:
            new.rename(folder)
        except OSError:
            # another process was faster
            shutil.rmtree(new)
    return folder


class Modules:
    """The modules of one version, by their names below the package."""

    def __init__(self, found: Mapping[str, ModuleType] | None = None) -> None:
        self._found = found

    def __call__(self, name: str) -> Any:
        full = f"{_PACKAGE}.{name}"
        return import_module(full) if self._found is None else self._found[full]


PRESENT = Modules()


@cache
def loaded(commit: str) -> Modules:
    """That version's service beside the present one, in this process."""
    folder = str(sources(commit))
    with _set_apart(), _metrics_set_apart():
        sys.path.insert(0, folder)
        try:
            import_module(f"{_PACKAGE}.app")
            return Modules({name: sys.modules[name] for name in _ours()})
        finally:
            sys.path.remove(folder)


def _ours() -> list[str]:
    return [name for name in sys.modules if name.partition(".")[0] == _PACKAGE]


@contextmanager
def _set_apart() -> Iterator[None]:
    """Hides this process's own modules, and restores them afterwards."""
    own = {name: sys.modules.pop(name) for name in _ours()}
    try:
        yield
    finally:
        for name in _ours():
            del sys.modules[name]
        sys.modules.update(own)


@contextmanager
def _metrics_set_apart() -> Iterator[None]:
    """Prometheus accepts each metric name once."""
    before = {*REGISTRY._collector_to_names}
    for collector in before:
        REGISTRY.unregister(collector)
    try:
        yield
    finally:
        for collector in {*REGISTRY._collector_to_names}:
            REGISTRY.unregister(collector)
        for collector in before:
            REGISTRY.register(collector)


def _archive(commit: str) -> bytes:
    command = ["git", "-C", str(ROOT), "archive", commit, "proxy_server"]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        raise FileNotFoundError(
            f"The version {commit} is not in this repository, which tests run beside the present "
            f"one: clone it with its history. git says: {done.stderr.decode().strip()}"
        )
    return done.stdout
