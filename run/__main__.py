"""Starts everything on one machine: Centrifugo, the model, the proxy server and the page."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from centrifugo.build import BuildFailed, binary
from centrifugo.environment import Environment

ROOT = Path(__file__).parent.parent
ENV = ROOT / ".env"
PAGE_PORT, CENTRIFUGO_PORT, API_PORT, GRPC_PORT, MODEL_PORT = 9000, 8000, 10000, 50051, 8012
READY_SECONDS = 60.0
END_SECONDS = 10.0
SECRETS = ("SIGNING_SECRETS", "GRPC_CREDENTIAL", "CENTRIFUGO_API_KEY")


@dataclass(frozen=True, slots=True)
class Part:
    name: str
    port: int
    command: list[str]
    environment: dict[str, str]
    folder: Path = ROOT


def main() -> None:
    # A terminal's Ctrl-C reaches every process of its group by itself; SIGTERM does not.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    settings = read_env() | dict(os.environ)
    parts = needed(settings)
    for part in parts:
        refuse_if_taken(part)
    running: list[tuple[Part, subprocess.Popen[bytes]]] = []
    try:
        for part in parts:
            started = subprocess.Popen(
                part.command,
                env=settings | part.environment,
                cwd=part.folder,
                start_new_session=True,
            )
            running.append((part, started))
            wait_until_ready(part, started)
        print(f"\n  Ready: http://localhost:{PAGE_PORT}   (Ctrl-C ends it)\n", flush=True)
        watch(running)
    except KeyboardInterrupt:
        pass
    finally:
        end([process for _, process in reversed(running)])


def read_env() -> dict[str, str]:
    """The settings of `.env`, which is made with fresh secrets the first time."""
    if not ENV.exists():
        lines = [f"{name}={secrets.token_urlsafe(24)}\n" for name in SECRETS]
        ENV.touch(mode=0o600)
        ENV.write_text("".join(lines))
    pairs = (line.partition("=") for line in ENV.read_text().splitlines())
    return {name.strip(): value.strip() for name, sign, value in pairs if sign and name[:1] != "#"}


def needed(settings: dict[str, str]) -> list[Part]:
    """The processes in the order in which they start."""
    try:
        centrifugo = binary()
    except BuildFailed as error:
        sys.exit(str(error))
    environment = Environment(
        api_key=settings["CENTRIFUGO_API_KEY"], grpc_credential=settings["GRPC_CREDENTIAL"]
    ).variables() | {"CENTRIFUGO_LOG_LEVEL": "warn"}
    config = str(ROOT / "centrifugo" / "config.json")
    parts = [Part("Centrifugo", CENTRIFUGO_PORT, [str(centrifugo), "-c", config], environment)]
    server: dict[str, str] = {"LOG_FORMAT": "console"}
    if not settings.get("OPENAI_API_KEY"):
        command = [sys.executable, "-m", "proxy_server.local_model", "--port", str(MODEL_PORT)]
        parts.append(Part("the local model", MODEL_PORT, command, {}))
        server |= {
            "OPENAI_BASE_URL": f"http://127.0.0.1:{MODEL_PORT}/v1",
            "OPENAI_MODEL": "SmolLM2-135M-Instruct",
            "CONTEXT_CHARACTERS": "6000",
            "MAX_OUTPUT_TOKENS": "1000",
        }
    parts.append(
        Part("the proxy server", GRPC_PORT, [sys.executable, "-m", "proxy_server"], server)
    )
    page = {
        "PAGE_PORT": str(PAGE_PORT),
        "CENTRIFUGO_URL": f"http://127.0.0.1:{CENTRIFUGO_PORT}",
    }
    preview = [str(ROOT / "frontend" / "node_modules" / ".bin" / "vite"), "preview"]
    parts.append(Part("the page", PAGE_PORT, preview, page, ROOT / "frontend"))
    return parts


def refuse_if_taken(part: Part) -> None:
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", part.port)) == 0:
            sys.exit(f"Port {part.port}, which {part.name} needs, is in use by another program.")


def wait_until_ready(part: Part, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + READY_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            sys.exit(f"{part.name} ended at its start (see above).")
        for host in ("127.0.0.1", "::1"):
            try:
                socket.create_connection((host, part.port), timeout=1).close()
            except OSError:
                continue
            return
        time.sleep(0.05)
    sys.exit(f"{part.name} does not listen on port {part.port} after {READY_SECONDS:.0f} seconds.")


def watch(running: "list[tuple[Part, subprocess.Popen[bytes]]]") -> None:
    while True:
        for part, process in running:
            if process.poll() is not None:
                sys.exit(f"{part.name} ended with status {process.returncode}; so ends the rest.")
        time.sleep(0.5)


def end(processes: "list[subprocess.Popen[bytes]]") -> None:
    """Ends what was started, each with the processes it may have started itself."""
    for number, seconds in ((signal.SIGTERM, END_SECONDS), (signal.SIGKILL, END_SECONDS)):
        left = [process for process in processes if process.poll() is None]
        for process in left:
            os.killpg(process.pid, number)
        until = time.monotonic() + seconds
        for process in left:
            try:
                process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                continue


if __name__ == "__main__":
    main()
