"""The example client in Go, built once for each state of its sources."""

import hashlib
import subprocess
import tempfile
from pathlib import Path

from centrifugo import build

SOURCES = Path(__file__).parent.parent / "examples" / "clients" / "go"


def built() -> Path:
    """Stored beside the built Centrifugo, so that both are kept between runs."""
    state = hashlib.sha256()
    for source in [*sorted(SOURCES.glob("*.go")), SOURCES / "go.mod", SOURCES / "go.sum"]:
        state.update(source.read_bytes())
    target = build.BUILT.with_name(f"go-client-{state.hexdigest()[:16]}")
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        # built beside the target and moved, so that no other run sees an incomplete binary
        with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
            made = Path(scratch) / "client"
            command = [
                str(build.go()),
                "build",
                "-trimpath",
                "-buildvcs=false",
                "-ldflags",
                "-s -w",
            ]
            subprocess.run([*command, "-o", str(made), "."], cwd=SOURCES, check=True)
            made.replace(target)
    return target


if __name__ == "__main__":
    print(built())
