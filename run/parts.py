"""The parts that run on one machine: their ports, commands and environments."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from centrifugo.build import HERE as CENTRIFUGO
from centrifugo.build import binary
from centrifugo.environment import Environment

ROOT = Path(__file__).parent.parent
_LOCAL_MODEL = "SmolLM2-135M-Instruct"


@dataclass(frozen=True, slots=True)
class Part:
    """One process: ready when all its ports answer.

    health: it also answers GET /health at its first port.
    """

    name: str
    ports: tuple[int, ...]
    command: list[str]
    environment: Mapping[str, str]
    folder: Path = ROOT
    health: bool = False


@dataclass(frozen=True, slots=True)
class Ports:
    page: int
    centrifugo: int
    centrifugo_api: int
    grpc: int
    metrics: int
    local_model: int

    @classmethod
    def of(cls, settings: Mapping[str, str]) -> "Ports":
        """Raises ValueError for what is no number."""
        return cls(
            page=int(settings.get("PAGE_PORT") or 9000),
            centrifugo=int(settings.get("CENTRIFUGO_PORT") or 8000),
            centrifugo_api=int(settings.get("CENTRIFUGO_API_PORT") or 10000),
            grpc=int(settings.get("GRPC_PORT") or 50051),
            metrics=int(settings.get("METRICS_PORT") or 9102),
            local_model=int(settings.get("LOCAL_MODEL_PORT") or 8012),
        )


def parts(settings: Mapping[str, str], ports: Ports) -> list[Part]:
    """In the order in which they start. The local model is among them where no other is set."""
    if settings.get("OPENAI_API_KEY") or settings.get("OPENAI_BASE_URL"):
        return [_centrifugo(settings, ports), _server(settings, ports, {}), _page(settings, ports)]
    local_model = {
        "OPENAI_BASE_URL": f"http://127.0.0.1:{ports.local_model}/v1",
        "OPENAI_MODEL": _LOCAL_MODEL,
        "CONTEXT_CHARACTERS": "6000",
        "MAX_OUTPUT_TOKENS": "1000",
    }
    return [
        _centrifugo(settings, ports),
        _model(settings, ports),
        _server(settings, ports, local_model),
        _page(settings, ports),
    ]


def _centrifugo(settings: Mapping[str, str], ports: Ports) -> Part:
    variables = Environment(
        api_key=settings["CENTRIFUGO_API_KEY"],
        grpc_credential=settings["GRPC_CREDENTIAL"],
        proxy_endpoint=f"grpc://127.0.0.1:{ports.grpc}",
        port=ports.centrifugo,
        grpc_api_port=ports.centrifugo_api,
    ).variables()
    origins = f"http://localhost:{ports.page} http://127.0.0.1:{ports.page}"
    return Part(
        "Centrifugo",
        (ports.centrifugo, ports.centrifugo_api),
        [str(binary()), "-c", str(CENTRIFUGO / "config.json")],
        # not our settings: it warns of every variable with its prefix that it does not know
        {name: text for name, text in os.environ.items() if not name.startswith("CENTRIFUGO_")}
        | variables
        | {
            "CENTRIFUGO_CLIENT_ALLOWED_ORIGINS": settings.get("PAGE_ORIGINS") or origins,
            "CENTRIFUGO_LOG_LEVEL": "warn",
        },
        # not the root: it reads a file .env where it stands
        folder=CENTRIFUGO,
        health=True,
    )


def _model(settings: Mapping[str, str], ports: Ports) -> Part:
    port = ports.local_model
    return Part(
        "the local model",
        (port,),
        [sys.executable, "-m", "proxy_server.local_model", "--port", str(port)],
        settings,
        health=True,
    )


def _server(settings: Mapping[str, str], ports: Ports, model: Mapping[str, str]) -> Part:
    addresses = {
        "GRPC_LISTEN": f"127.0.0.1:{ports.grpc}",
        "METRICS_LISTEN": f"127.0.0.1:{ports.metrics}",
        "CENTRIFUGO_API_URL": f"grpc://127.0.0.1:{ports.centrifugo_api}",
    }
    # whoever presses Ctrl-C waits for the answers that are being made
    defaults = {"LOG_FORMAT": "console", "SHUTDOWN_GRACE_SECONDS": "2"}
    return Part(
        "the proxy server",
        (ports.grpc, ports.metrics),
        [sys.executable, "-m", "proxy_server"],
        {**defaults, **settings, **model, **addresses},
    )


def _page(settings: Mapping[str, str], ports: Ports) -> Part:
    frontend = ROOT / "frontend"
    addresses = {
        "PAGE_PORT": str(ports.page),
        "CENTRIFUGO_URL": f"http://127.0.0.1:{ports.centrifugo}",
        # where run.node puts Node
        "PATH": f"{Path(sys.prefix) / 'bin'}{os.pathsep}{settings.get('PATH', os.defpath)}",
    }
    return Part(
        "the page",
        (ports.page,),
        [str(frontend / "node_modules" / ".bin" / "vite"), "preview"],
        {**settings, **addresses},
        folder=frontend,
    )
