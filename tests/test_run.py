"""`make run`: the parts come up together, answer with a real model, and leave nothing behind."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import websockets

from run.parts import ROOT, Ports, parts
from testbed.client import Client
from testbed.ports import free_port, listens

WAIT = 50.0


@dataclass
class Run:
    """A `python -m run` on ports of its own."""

    ports: Ports
    environment: dict[str, str]
    log: Path
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> "subprocess.Popen[bytes]":
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "run"],
                cwd=ROOT,
                env=os.environ | self.environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        return self.process

    def start_and_wait(self) -> "subprocess.Popen[bytes]":
        process = self.start()
        until = time.monotonic() + WAIT
        while "Ready: http://localhost:" not in self.said():
            assert process.poll() is None, self.said()
            assert time.monotonic() < until, self.said()
            time.sleep(0.05)
        return process

    def fails(self) -> str:
        """What it says when it does not start."""
        process = self.start()
        assert process.wait(WAIT) == 1
        return self.said()

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def children(self) -> list[int]:
        assert self.process is not None
        return _children(self.process.pid)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    ports = Ports(*(free_port() for _ in range(6)))
    started = Run(
        ports,
        {
            "PAGE_PORT": str(ports.page),
            "CENTRIFUGO_PORT": str(ports.centrifugo),
            "CENTRIFUGO_API_PORT": str(ports.centrifugo_api),
            "GRPC_PORT": str(ports.grpc),
            "METRICS_PORT": str(ports.metrics),
            "LOCAL_MODEL_PORT": str(ports.local_model),
            "SIGNING_SECRETS": "signing-secret-of-the-tests",
            "GRPC_CREDENTIAL": "credential-of-the-tests",
            "CENTRIFUGO_API_KEY": "api-key-of-the-tests",
            "DATABASE_URL": f"sqlite:///{tmp_path}/conversations.db",
            "OPENAI_API_KEY": "",
            "OPENAI_BASE_URL": "",
        },
        tmp_path / "run.log",
    )
    yield started
    if started.process is not None and started.process.poll() is None:
        started.process.terminate()
        started.process.wait(WAIT)


async def test_the_local_model_answers_a_prompt_through_the_page(run: Run) -> None:
    process = run.start_and_wait()
    address = f"localhost:{run.ports.page}"
    socket = await websockets.connect(
        f"ws://{address}/connection/websocket", origin=websockets.Origin(f"http://{address}")
    )
    client = Client(socket)
    await client.command("connect", {"data": {}})

    session = await client.rpc("ai:send", text="What is the capital of France?")
    answer = await client.follow(session)
    await client.close()

    assert answer["text"]
    metadata = answer["closing"]["messageMetadata"]
    assert metadata["status"] == "complete"
    assert metadata["model"] == "SmolLM2-135M-Instruct"
    assert metadata["usage"]["output_tokens"] > 0
    _ends(run, process, signal.SIGINT)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_all_of_it(run: Run, number: signal.Signals) -> None:
    run.environment["OPENAI_API_KEY"] = "a-key"
    process = run.start_and_wait()
    assert not listens(run.ports.local_model)
    _ends(run, process, number)


def test_a_signal_in_the_middle_of_the_start_ends_all_of_it(run: Run) -> None:
    process = run.start()
    until = time.monotonic() + WAIT
    while not listens(run.ports.centrifugo):
        assert time.monotonic() < until
        time.sleep(0.01)
    _ends(run, process, signal.SIGTERM)


def test_a_part_that_ends_takes_the_rest_with_it(run: Run) -> None:
    run.environment["OPENAI_API_KEY"] = "a-key"
    process = run.start_and_wait()
    centrifugo, *others = run.children()
    os.kill(centrifugo, signal.SIGKILL)
    assert process.wait(WAIT) == 1
    assert "Centrifugo ended with status -9; so ends the rest." in run.said()
    assert not any(_runs(pid) for pid in others)


@pytest.mark.parametrize("name", Ports.__dataclass_fields__)
def test_a_port_in_use_is_said_before_anything_starts(run: Run, name: str) -> None:
    port = getattr(run.ports, name)
    with socket.create_server(("127.0.0.1", port)):
        said = run.fails()
    assert said.startswith(f"Port {port}, which ")
    assert said.count("\n") == 1


def test_two_at_once(run: Run, tmp_path: Path) -> None:
    run.environment["OPENAI_API_KEY"] = "a-key"
    first = run.start_and_wait()
    second = Run(run.ports, run.environment, tmp_path / "second.log")
    assert second.fails() == "It runs already: end the other `make run` first.\n"
    _ends(run, first, signal.SIGINT)


def test_a_wrong_setting_is_said_by_the_part_that_reads_it(run: Run) -> None:
    run.environment |= {"OPENAI_API_KEY": "a-key", "LOG_LEVEL": "loud"}
    said = run.fails()
    assert "LOG_LEVEL: Input should be" in said
    assert said.endswith("The proxy server ended at its start (see above).\n")
    assert not listens(run.ports.centrifugo)


def test_a_program_that_is_not_there(run: Run) -> None:
    run.environment["CENTRIFUGO_BIN"] = "/nowhere/centrifugo"
    said = "Centrifugo does not start: /nowhere/centrifugo: No such file or directory.\n"
    assert run.fails() == said


def test_a_port_that_is_no_number(run: Run) -> None:
    run.environment["PAGE_PORT"] = "many"
    assert run.fails().startswith("A port among the settings is no number: ")


def test_another_model_needs_no_local_one(run: Run) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        names = [part.name for part in parts(run.environment | {name: "x"}, run.ports)]
        assert names == ["Centrifugo", "the proxy server", "the page"]
    assert "the local model" in [part.name for part in parts(run.environment, run.ports)]


def _ends(run: Run, process: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    """The signal, as a terminal sends it to the whole group, leaves no process."""
    children = run.children()
    assert children
    os.killpg(process.pid, number)
    assert process.wait(WAIT) == 0, run.said()
    assert not any(_runs(pid) for pid in children)
    assert not any(listens(getattr(run.ports, name)) for name in Ports.__dataclass_fields__)


def _children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]


def _runs(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()
