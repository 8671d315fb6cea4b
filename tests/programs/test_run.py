"""`make run`: the parts start together, answer with a real model, and leave nothing behind."""

import os
import shutil
import signal
import socket
import sys
from pathlib import Path

import pytest

from run.__main__ import _reloading
from run.parts import ROOT, Ports, parts
from testbed.ports import listens
from tests.programs.running import Run, children_of, ends, runs, wait_until


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_all_of_it(run: Run, number: signal.Signals) -> None:
    run.environment["OPENAI_API_KEY"] = "a-key"
    run.start()
    assert not listens(run.ports.local_model)
    ends(run, number)


def test_a_signal_in_the_middle_of_the_start_ends_all_of_it(run: Run) -> None:
    run.launch()
    wait_until(lambda: listens(run.ports.centrifugo))
    ends(run, signal.SIGTERM)


def test_a_part_that_ends_takes_the_rest_with_it(run: Run) -> None:
    run.environment["OPENAI_API_KEY"] = "a-key"
    run.start()
    centrifugo, *others = run.children()
    os.kill(centrifugo, signal.SIGKILL)
    assert run.wait() == 1
    assert "Centrifugo stopped with status -9, and the rest with it." in run.log_text()
    assert not any(runs(pid) for pid in others)


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
        said = run.fails()
        assert said.startswith(f"Port {run.ports.page}, which the page needs, is used")
        assert "choose another port with PAGE_PORT" in said


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
    run.launch()
    wait_until(lambda: "Building Centrifugo" in run.log_text() and run.children())
    (build,) = run.children()
    os.kill(run.pid, number)
    assert run.wait() == 128 + number
    assert "Traceback" not in run.log_text()
    wait_until(lambda: not runs(build))


def test_killed_it_takes_its_parts_along(run: Run) -> None:
    run.environment["OPENAI_API_KEY"] = "a-key"
    run.start()
    children = run.children()
    assert len(children) == 3
    run.kill()
    wait_until(lambda: not any(runs(pid) for pid in children))


def test_killed_make_takes_all_along(run: Run, tmp_path: Path) -> None:
    run.environment["OPENAI_API_KEY"] = "a-key"
    makefile = tmp_path / "Makefile"
    settings = run.log.with_name("none.env")
    makefile.write_text(f".PHONY: run\nrun:\n\t@{sys.executable} -m run --settings {settings}\n")
    run.command = ["make", "-f", str(makefile), "run"]
    run.start()
    (program,) = run.children()
    children = children_of(program)
    assert len(children) == 3
    # alone, and not with its group
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    wait_until(lambda: not any(runs(pid) for pid in (program, *children)))


def test_two_at_once(run: Run, tmp_path: Path) -> None:
    run.environment["OPENAI_API_KEY"] = "a-key"
    run.start()
    second = Run.on(run.ports, run.environment, tmp_path / "second.log")
    assert second.fails() == "`make run` is already running: stop that one first.\n"
    ends(run, signal.SIGINT)
    assert not list((ROOT / ".cache").glob(f"*{run.ports.page}*")), (
        "a lock file stays for each port"
    )


def test_a_wrong_setting_is_said_by_the_part_that_reads_it(run: Run) -> None:
    run.environment |= {"OPENAI_API_KEY": "a-key", "LOG_LEVEL": "loud"}
    said = run.fails()
    assert "LOG_LEVEL: Input should be" in said
    assert said.endswith("The proxy server stopped while it was starting (see above).\n")
    assert not listens(run.ports.centrifugo)


def test_a_program_that_is_not_there(run: Run) -> None:
    run.environment["CENTRIFUGO_BIN"] = "/nowhere/centrifugo"
    said = "Centrifugo cannot be started: /nowhere/centrifugo: No such file or directory.\n"
    assert run.fails() == said


def test_a_port_that_is_no_number(run: Run) -> None:
    run.environment["PAGE_PORT"] = "many"
    assert run.fails().startswith("A setting must be a number, but is not: ")


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
