"""The parts that run on one machine: ports, commands and environments."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from centrifugo.build import HERE as CENTRIFUGO
from centrifugo.environment import Environment
from run.environment import wants_local_model

ROOT = Path(__file__).parent.parent
# the small model's capabilities; docker-compose.yml repeats them
LOCAL_MODEL = {
    "OPENAI_MODEL": "SmolLM2-135M-Instruct",
    "CONTEXT_CHARACTERS": "6000",
    "MAX_OUTPUT_TOKENS": "1000",
}
_LOOPBACK = ("127.0.0.1", "::1")
_ALL_ADDRESSES = ("0.0.0.0", "::")
_END_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Part:
    """One process; ready when all its ports answer.

    health: whether GET /health on its first port must succeed as well.
    hosts: where its ports answer, at least on one of them.
    end_seconds: how long it may take to end in order.
    """

    name: str
    ports: tuple[int, ...]
    command: list[str]
    environment: Mapping[str, str]
    folder: Path = ROOT
    health: bool = False
    hosts: tuple[str, ...] = _LOOPBACK
    end_seconds: float = _END_SECONDS


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
        """Raises ValueError for anything but a number."""
        return cls(
            page=int(settings.get("PAGE_PORT") or 9000),
            centrifugo=int(settings.get("CENTRIFUGO_PORT") or 8000),
            centrifugo_api=int(settings.get("CENTRIFUGO_API_PORT") or 10000),
            grpc=int(settings.get("GRPC_PORT") or 50051),
            metrics=int(settings.get("METRICS_PORT") or 9102),
            local_model=int(settings.get("LOCAL_MODEL_PORT") or 8012),
        )

    def setting(self, port: int) -> str:
        """The setting for this port."""
        names = (f.name for f in fields(self) if getattr(self, f.name) == port)
        return f"{next(names).upper()}_PORT"


def parts(
    settings: Mapping[str, str], ports: Ports, centrifugo: Path = Path("centrifugo")
) -> list[Part]:
    """The parts in starting order; includes the local model if no other is set.

    Raises ValueError for a setting that is not a number.
    centrifugo: the path of its binary.
    """
    started = [_centrifugo(settings, ports, centrifugo)]
    if wants_local_model(settings):
        started.append(_model(settings, ports))
    return [*started, _server(settings, ports), _page(settings, ports)]


def _centrifugo(settings: Mapping[str, str], ports: Ports, binary: Path) -> Part:
    variables = Environment(
        api_key=settings["CENTRIFUGO_API_KEY"],
        grpc_credential=settings["GRPC_CREDENTIAL"],
        proxy_endpoint=f"grpc://127.0.0.1:{ports.grpc}",
        port=ports.centrifugo,
        grpc_api_port=ports.centrifugo_api,
    ).variables()
    # also apps under development on this machine; a foreign site has another origin
    origins = "http://localhost:* http://127.0.0.1:*"
    return Part(
        "Centrifugo",
        (ports.centrifugo, ports.centrifugo_api),
        [str(binary), "-c", str(CENTRIFUGO / "config.json")],
        # without our settings: Centrifugo warns about unknown variables with its prefix
        {name: text for name, text in os.environ.items() if not name.startswith("CENTRIFUGO_")}
        | variables
        | {
            "CENTRIFUGO_CLIENT_ALLOWED_ORIGINS": settings.get("PAGE_ORIGINS") or origins,
            "CENTRIFUGO_LOG_LEVEL": "warn",
        },
        # not the root: it would read a .env file there
        folder=CENTRIFUGO,
        health=True,
    )


def _model(settings: Mapping[str, str], ports: Ports) -> Part:
    port = ports.local_model
    weights = ["--weights", file] if (file := settings.get("LOCAL_MODEL")) else []
    return Part(
        "the local model",
        (port,),
        [sys.executable, "-m", "proxy_server.local_model", "--port", str(port), *weights],
        settings,
        health=True,
    )


def _server(settings: Mapping[str, str], ports: Ports) -> Part:
    # on Ctrl-C, the user waits for running answers
    defaults = {"LOG_FORMAT": "console", "SHUTDOWN_GRACE_SECONDS": "2", "TRUSTED_PROXIES": "1"}
    addresses = {
        "GRPC_LISTEN": f"127.0.0.1:{ports.grpc}",
        "METRICS_LISTEN": f"127.0.0.1:{ports.metrics}",
        "CENTRIFUGO_API_URL": f"grpc://127.0.0.1:{ports.centrifugo_api}",
    }
    if wants_local_model(settings):
        defaults |= LOCAL_MODEL
        if file := settings.get("LOCAL_MODEL"):
            defaults["OPENAI_MODEL"] = Path(file).stem
        addresses["OPENAI_BASE_URL"] = f"http://127.0.0.1:{ports.local_model}/v1"
    # an empty value counts as unset, as for docker compose and the server
    given = {name: value for name, value in settings.items() if value}
    environment = defaults | given | addresses
    return Part(
        "the proxy server",
        (ports.grpc, ports.metrics),
        [sys.executable, "-m", "proxy_server", *(["--reload"] if settings.get("RELOAD") else [])],
        environment,
        end_seconds=float(environment["SHUTDOWN_GRACE_SECONDS"]) + _END_SECONDS,
    )


def _page(settings: Mapping[str, str], ports: Ports) -> Part:
    frontend = ROOT / "frontend"
    host = settings.get("PAGE_HOST", "")
    addresses = {
        "PAGE_PORT": str(ports.page),
        "CENTRIFUGO_URL": f"http://127.0.0.1:{ports.centrifugo}",
        # where run.node puts Node
        "PATH": f"{Path(sys.prefix) / 'bin'}{os.pathsep}{settings.get('PATH', os.defpath)}",
    }
    return Part(
        "the page",
        (ports.page,),
        [str(frontend / "node_modules" / ".bin" / "vite"), "preview", str(frontend / "page")],
        {**settings, **addresses},
        folder=frontend,
        hosts=_LOOPBACK if host in ("", *_ALL_ADDRESSES) else (host,),
    )
