"""What the bench ran on: the processor and the versions of all that matters."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

from centrifugo.build import binary

_PACKAGES = ("grpcio", "protobuf", "openai", "httpx", "aiohttp", "msgspec", "uvloop", "sqlalchemy")
_PEERS = ("starlette", "uvicorn")


def machine() -> dict[str, str]:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": models[0] if models else platform.processor(),
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.release()}",
    }


def versions() -> dict[str, str]:
    said = subprocess.run([str(binary()), "version"], capture_output=True, text=True, check=True)
    centrifugo = said.stdout.split()[1].removeprefix("v")
    return {
        "python": platform.python_version(),
        "centrifugo": centrifugo,
        **{name: version(name) for name in (*_PACKAGES, *_PEERS)},
    }
