"""What the bench ran on: the processor and all relevant versions."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import msgspec

from chaos.report import versions as parts_versions
from testbed.machine import chromium

_NODE_PACKAGES = Path(__file__).parent.parent / "frontend" / "package.json"
_PACKAGES = (
    *("grpcio", "protobuf", "openai", "httpx2", "httpx", "aiohttp", "msgspec", "uvloop"),
    *("sqlalchemy", "asyncpg"),
    # the peers'
    *("starlette", "uvicorn", "httptools"),
)


def machine() -> dict[str, str]:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": models[0] if models else platform.processor(),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{memory / (1 << 30):.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
    }


def versions() -> dict[str, str]:
    """The versions of the parts on this machine, and of the packages."""
    packages = {name: version(name) for name in _PACKAGES}
    return {**parts_versions(), **packages, **_in_the_browser()}


def _in_the_browser() -> dict[str, str]:
    asked = msgspec.json.decode(_NODE_PACKAGES.read_bytes())["devDependencies"]
    found = {name: asked[name] for name in ("ai", "react")}
    if browser := chromium():
        said = subprocess.run([browser, "--version"], capture_output=True, text=True, check=True)
        found["Chromium"] = next(word for word in said.stdout.split() if word[:1].isdigit())
    return found
