"""Mounts that only one process sees: tests can fill them, or make them read-only."""

import os
from pathlib import Path


def own_mount(folder: Path, *commands: str) -> list[str]:
    """A command prefix: the command runs with these mounts on `folder`, which is `$0` in them.

    A user other than root becomes root in its own namespace, if the system permits.
    """
    namespace = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "-r", "--mount"]
    return [*namespace, "sh", "-c", " && ".join([*commands, 'exec "$@"']), str(folder)]


def small(size: str) -> str:
    return f'mount -t tmpfs -o size={size} tmpfs "$0"'


READ_ONLY = 'mount -o bind "$0" "$0" && mount -o remount,bind,ro "$0"'


def seen_by(pid: int, file: Path) -> Path:
    """The path of a file as seen by a process with its own mounts."""
    return Path(f"/proc/{pid}/root{file}")
