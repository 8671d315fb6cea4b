"""File systems that one process alone sees: a test may fill them, or forbid to write."""

import os
from pathlib import Path


def own_mount(folder: Path, *commands: str) -> list[str]:
    """What stands before a command: it then runs with these mounts on `folder`, named `$0` there.

    An account that is not root becomes one for itself alone, where the system lets it.
    """
    namespace = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "-r", "--mount"]
    return [*namespace, "sh", "-c", " && ".join([*commands, 'exec "$@"']), str(folder)]


def small(size: str) -> str:
    return f'mount -t tmpfs -o size={size} tmpfs "$0"'


READ_ONLY = 'mount -o bind "$0" "$0" && mount -o remount,bind,ro "$0"'


def seen_by(pid: int, file: Path) -> Path:
    """The path of what a process with a mount of its own calls `file`."""
    return Path(f"/proc/{pid}/root{file}")
