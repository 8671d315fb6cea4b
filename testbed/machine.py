"""Programs that no language registry has: found on the machine, or installed by apt-get."""

import ctypes.util
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_FOLDERS = os.pathsep.join((os.defpath, "/usr/sbin", "/sbin", "/usr/local/sbin"))
_POLICY = Path("/usr/sbin/policy-rc.d")


def chromium() -> Path | None:
    return _find("chromium") or _find("chromium-browser") or _find("google-chrome")


def redis_server() -> Path | None:
    return _find("redis-server")


def nginx() -> Path | None:
    return _find("nginx")


def postgres() -> Path | None:
    """The folder with initdb, pg_ctl and postgres; Debian does not put it on PATH."""
    if initdb := _find("initdb"):
        return initdb.resolve().parent
    installed = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    return max((file.parent for file in installed), key=lambda f: int(f.parts[4]), default=None)


def pgbouncer() -> Path | None:
    return _find("pgbouncer")


def openmp() -> bool:
    """GCC's OpenMP library, which the local model's wheel for Linux needs."""
    return sys.platform != "linux" or ctypes.util.find_library("gomp") is not None


# Debian's package, and a function that finds the program in it
_PACKAGES: dict[str, Callable[[], object]] = {
    "chromium": chromium,
    "redis-server": redis_server,
    "nginx": nginx,
    "postgresql": postgres,
    "pgbouncer": pgbouncer,
    "libgomp1": openmp,
}


def missing(packages: Iterable[str]) -> list[str]:
    return [package for package in packages if not _PACKAGES[package]()]


def main(packages: Sequence[str]) -> None:
    absent = missing(packages)
    if absent and _may_install():
        _install(absent)
        absent = missing(packages)
    if absent:
        print(
            f"Missing on this machine: {', '.join(absent)}; what needs it is left out until you "
            f"install it (on Debian: apt-get install {' '.join(absent)}).",
            file=sys.stderr,
        )


def _find(command: str) -> Path | None:
    found = shutil.which(command) or shutil.which(command, path=_FOLDERS)
    return Path(found) if found else None


def _may_install() -> bool:
    # Not on Debian's relatives: Ubuntu's Chromium package is a stub that installs a snap.
    try:
        debian = platform.freedesktop_os_release()["ID"] == "debian"
    except OSError:
        return False
    return debian and os.geteuid() == 0 and _find("apt-get") is not None


def _install(packages: list[str]) -> None:
    print(f"Installing {', '.join(packages)} with apt-get …", file=sys.stderr)
    # without its recommended packages, Chromium has no font
    fonts = ["fonts-liberation"] if "chromium" in packages else []
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    with _no_services():
        for command in (
            ["update", "-qq"],
            ["install", "-qq", "--yes", "--no-install-recommends", *packages, *fonts],
        ):
            done = subprocess.run(
                ["apt-get", *command], env=environment, stdout=subprocess.DEVNULL, check=False
            )
            if done.returncode:
                return


@contextmanager
def _no_services() -> Iterator[None]:
    """Debian's packages start their servers on installation unless this file forbids it."""
    if _POLICY.exists():
        yield
        return
    _POLICY.write_text("#!/bin/sh\nexit 101\n")
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _POLICY.unlink(missing_ok=True)


if __name__ == "__main__":
    main(sys.argv[1:] or list(_PACKAGES))
