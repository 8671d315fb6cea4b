"""The real parts, started once for all tests: Centrifugo, a model server, the proxy server."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from centrifugo.build import HERE as CENTRIFUGO
from centrifugo.build import binary
from centrifugo.environment import Environment
from tests.client import Client

WAIT = 20.0
CREDENTIAL, API_KEY = "credential-of-the-tests", "api-key-of-the-tests"


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def wait_for_port(port: int, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + WAIT
    while time.monotonic() < until:
        assert process.poll() is None, f"the process ended: {process.returncode}"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    pytest.fail(f"nothing listens on {port}")


@contextmanager
def process(command: list[str], environment: dict[str, str], port: int, log: Path) -> Iterator[int]:
    with log.open("ab") as output:
        started = subprocess.Popen(
            command, env=os.environ | environment, stdout=output, stderr=output
        )
    try:
        wait_for_port(port, started)
        yield started.pid
    finally:
        started.terminate()
        try:
            started.wait(WAIT)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


@dataclass(frozen=True)
class Deployment:
    """Where the parts of one deployment are."""

    url: str
    grpc_port: int
    log: Path
    serving: Callable[..., AbstractContextManager[int]]

    def connect(self, **data: str) -> "asyncio.Future[Client]":
        return asyncio.ensure_future(Client.connect(self.url, data))


@pytest.fixture(scope="session", params=["grpc", "http"])
def deployment(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    """All parts, with Centrifugo's server API over gRPC and over HTTP in turn."""
    folder = tmp_path_factory.mktemp(f"deployment-{request.param}")
    port, api_port, grpc_port, model_port = (free_port() for _ in range(4))
    environment = Environment(
        api_key=API_KEY,
        grpc_credential=CREDENTIAL,
        proxy_endpoint=f"grpc://127.0.0.1:{grpc_port}",
        port=port,
        grpc_api_port=api_port,
    ).variables()
    api = {"grpc": f"grpc://127.0.0.1:{api_port}", "http": f"http://127.0.0.1:{port}/api"}
    server_environment = {
        "GRPC_LISTEN": f"127.0.0.1:{grpc_port}",
        "GRPC_CREDENTIAL": CREDENTIAL,
        "CENTRIFUGO_API_URL": api[request.param],
        "CENTRIFUGO_API_KEY": API_KEY,
        "SIGNING_SECRETS": "signing-secret-of-the-tests",
        "DATABASE_URL": f"sqlite:///{folder}/conversations.db",
        "OPENAI_BASE_URL": f"http://127.0.0.1:{model_port}/v1",
        "OPENAI_API_KEY": "none",
        "OPENAI_MODEL": "test",
        "PROMPTS_PER_MINUTE": "1000",
        "FIRST_TOKEN_SECONDS": "3",
        "IDLE_SECONDS": "1",
        "LEASE_SECONDS": "2",
        "SHUTDOWN_GRACE_SECONDS": "0.5",
        "METRICS_LISTEN": "off",
    }

    def serving(**changed: str) -> AbstractContextManager[int]:
        return process(
            [sys.executable, "-m", "proxy_server"],
            server_environment | changed,
            grpc_port,
            folder / "server.log",
        )

    centrifugo = [str(binary()), "-c", str(CENTRIFUGO / "config.json")]
    model = [sys.executable, "-m", "tests.model_server", str(model_port)]
    with (
        process(centrifugo, environment, port, folder / "centrifugo.log"),
        process(model, {}, model_port, folder / "model.log"),
    ):
        yield Deployment(
            f"ws://127.0.0.1:{port}/connection/websocket",
            grpc_port,
            folder / "server.log",
            serving,
        )


@pytest.fixture
def server(deployment: Deployment) -> Iterator[int]:
    """The proxy server, running; its process id."""
    with deployment.serving() as pid:
        yield pid


@pytest.fixture
async def client(
    deployment: Deployment,
    server: int,  # noqa: ARG001 -- there to be running
) -> AsyncIterator[Client]:
    """A new anonymous visitor."""
    connected = await deployment.connect()
    yield connected
    await connected.close()


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
