"""`make run`: the parts come up together, answer with a real model, and leave nothing behind."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
import websockets

from run.__main__ import _reloading
from run.found_models import offers
from run.parts import LOCAL_MODEL, ROOT, Ports, parts
from testbed import machine
from testbed.client import Client
from testbed.hermetic import inherited
from testbed.ports import free_port, listens
from tests.conftest import needs

WAIT = 50.0


@dataclass
class Run:
    """A `python -m run` on ports of its own, without the developer's settings."""

    ports: Ports
    environment: dict[str, str]
    log: Path
    folder: Path = ROOT
    command: list[str] | None = None
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> "subprocess.Popen[bytes]":
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                self.command
                or [sys.executable, "-m", "run", "--settings", str(self.log.with_name("none.env"))],
                cwd=self.folder,
                env=inherited() | self.environment,
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
    needs(libgomp=machine.openmp() or None)
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


def test_a_port_in_use_is_said_before_centrifugo_is_built(run: Run, tmp_path: Path) -> None:
    run.folder = tmp_path / "fresh"
    for package in ("centrifugo", "run"):
        shutil.copytree(ROOT / package, run.folder / package)
    run.environment |= {"PATH": str(tmp_path), "PIP_INDEX_URL": "http://127.0.0.1:9/simple"}
    with socket.create_server(("127.0.0.1", run.ports.page)):
        assert run.fails().startswith(f"Port {run.ports.page}, which the page needs, is in use")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_during_the_build_ends_it(
    run: Run, tmp_path: Path, number: signal.Signals
) -> None:
    run.folder = tmp_path / "fresh"
    for package in ("centrifugo", "run"):
        shutil.copytree(ROOT / package, run.folder / package)
    go = tmp_path / "go"
    go.write_text('#!/bin/sh\n[ "$1" = env ] && echo go99.0 && exit\nexec /bin/sleep 60\n')
    go.chmod(0o755)
    run.environment |= {"PATH": str(tmp_path), "OPENAI_API_KEY": "a-key"}
    process = run.start()
    until = time.monotonic() + WAIT
    while "Building Centrifugo" not in run.said() or not run.children():
        assert time.monotonic() < until, run.said()
        time.sleep(0.01)
    (build,) = run.children()
    process.send_signal(number)
    assert process.wait(WAIT) == 128 + number
    assert "Traceback" not in run.said()
    assert not _runs(build)


def test_killed_it_takes_its_parts_along(run: Run) -> None:
    run.environment["OPENAI_API_KEY"] = "a-key"
    process = run.start_and_wait()
    children = run.children()
    assert len(children) == 3
    process.kill()
    process.wait(WAIT)
    _until(lambda: not any(_runs(pid) for pid in children))


def test_killed_make_takes_all_along(run: Run, tmp_path: Path) -> None:
    run.environment["OPENAI_API_KEY"] = "a-key"
    makefile = tmp_path / "Makefile"
    settings = run.log.with_name("none.env")
    makefile.write_text(f".PHONY: run\nrun:\n\t@{sys.executable} -m run --settings {settings}\n")
    run.command = ["make", "-f", str(makefile), "run"]
    process = run.start_and_wait()
    (program,) = run.children()
    children = _children(program)
    assert len(children) == 3
    process.kill()
    process.wait(WAIT)
    _until(lambda: not any(_runs(pid) for pid in (program, *children)))


def test_two_at_once(run: Run, tmp_path: Path) -> None:
    run.environment["OPENAI_API_KEY"] = "a-key"
    first = run.start_and_wait()
    second = Run(run.ports, run.environment, tmp_path / "second.log")
    assert second.fails() == "It runs already: end the other `make run` first.\n"
    _ends(run, first, signal.SIGINT)
    assert not list((ROOT / ".cache").glob(f"*{run.ports.page}*")), (
        "a lock file stays for each port"
    )


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
    assert run.fails().startswith("A setting that must be a number is none: ")


def test_another_model_needs_no_local_one(run: Run) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        names = [part.name for part in parts(run.environment | {name: "x"}, run.ports)]
        assert names == ["Centrifugo", "the proxy server", "the page"]
    assert "the local model" in [part.name for part in parts(run.environment, run.ports)]


def test_any_file_of_weights_answers(run: Run) -> None:
    given = {
        "LOCAL_MODEL": "/models/some-model.gguf",
        "OPENAI_API_KEY": "x",
        "OPENAI_BASE_URL": "x",
    }
    _, model, server, _ = parts(run.environment | given, run.ports)
    assert model.command[-2:] == ["--weights", "/models/some-model.gguf"]
    assert server.environment["OPENAI_MODEL"] == "some-model"
    assert server.environment["OPENAI_BASE_URL"].endswith(f":{run.ports.local_model}/v1")


def test_weights_that_are_not_there(run: Run) -> None:
    run.environment["LOCAL_MODEL"] = "/nowhere/model.gguf"
    said = "LOCAL_MODEL=/nowhere/model.gguf is no file: it names a model's weights as .gguf.\n"
    assert run.fails() == said


class _Ollama(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        names = ("nomic-embed-text", "llama3.2:1b")
        self.wfile.write(json.dumps({"data": [{"id": name} for name in names]}).encode())

    def log_message(self, *_: object) -> None:
        pass


def test_a_model_server_of_the_machine_is_offered() -> None:
    with HTTPServer(("127.0.0.1", 0), _Ollama) as server:
        thread = Thread(target=server.handle_request)
        thread.start()
        port = server.server_port
        assert offers({"Ollama": port, "LM Studio": free_port()}) == [
            (
                "Ollama on this machine has llama3.2:1b: "
                f"OPENAI_BASE_URL=http://127.0.0.1:{port}/v1 OPENAI_MODEL=llama3.2:1b make run"
            )
        ]
        thread.join()


def test_settings_go_before_what_the_local_model_would_have(run: Run) -> None:
    def model(**given: str) -> dict[str, str]:
        *_, server, _ = parts(run.environment | given, run.ports)
        return {name: server.environment[name] for name in LOCAL_MODEL}

    assert model() == model(MAX_OUTPUT_TOKENS="") == LOCAL_MODEL
    assert model(MAX_OUTPUT_TOKENS="200") == LOCAL_MODEL | {"MAX_OUTPUT_TOKENS": "200"}


def test_the_server_gets_the_grace_that_it_is_set(run: Run) -> None:
    def grace(**given: str) -> float:
        *_, server, _ = parts(run.environment | given, run.ports)
        return server.end_seconds - float(server.environment["SHUTDOWN_GRACE_SECONDS"])

    assert grace() == grace(SHUTDOWN_GRACE_SECONDS="30") >= 5


def test_who_writes_a_responder_is_offered_to_follow_its_files(run: Run) -> None:
    def command(**given: str) -> list[str]:
        *_, server, _ = parts(run.environment | given, run.ports)
        return server.command

    [offer] = _reloading({"RESPONDER": "mine:answer"})
    assert offer.startswith("RELOAD=1 RESPONDER=mine:answer make run ")
    assert command(RESPONDER="mine:answer")[-1] == "proxy_server"
    assert command(RESPONDER="mine:answer", RELOAD="1")[-1] == "--reload"
    for given in ({}, {"RESPONDER": "https://a.example"}, {"RESPONDER": "a:b", "RELOAD": "1"}):
        assert _reloading(given) == []


@pytest.mark.parametrize(
    ("host", "hosts"),
    [
        ("", ("127.0.0.1", "::1")),
        ("0.0.0.0", ("127.0.0.1", "::1")),
        ("127.0.0.2", ("127.0.0.2",)),
    ],
)
def test_the_page_is_looked_for_where_it_listens(
    run: Run, host: str, hosts: tuple[str, ...]
) -> None:
    *_, page = parts(run.environment | {"PAGE_HOST": host}, run.ports)
    assert page.hosts == hosts


def _ends(run: Run, process: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    """The signal, as a terminal sends it to the whole group, leaves no process."""
    children = run.children()
    assert children
    os.killpg(process.pid, number)
    assert process.wait(WAIT) == 0, run.said()
    assert not any(_runs(pid) for pid in children)
    assert not any(listens(getattr(run.ports, name)) for name in Ports.__dataclass_fields__)


def _until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


def _children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    if listed.exists():
        return [int(child) for child in listed.read_text().split()]
    # as on macOS
    table = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True
    )
    pairs = (line.split() for line in table.stdout.splitlines())
    return [int(child) for child, parent in pairs if int(parent) == pid]


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
