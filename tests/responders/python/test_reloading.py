"""`--reload`: the edited responder answers next, and running answers end in order."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed.deployment import Deployment
from testbed.door import Door
from testbed.process import Process
from testbed.waiting import until
from tests.conftest import SETTINGS

SAYS = 'async def answer(turn):\n    yield "{word}"\n'
WAITS = """
import asyncio
from pathlib import Path


async def answer(turn):
    yield "one "
    while not Path({release!r}).exists():
        await asyncio.sleep(0.02)
    yield "whole"
"""


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    return tmp_path / "mine.py"


@pytest.fixture
def server(tmp_path: Path, mine: Path) -> Iterator[Process]:
    mine.write_text(WAITS.format(release=str(tmp_path / "release")))
    settings = {
        **SETTINGS,
        "PYTHONPATH": str(tmp_path),
        "RESPONDER": "mine:answer",
        "SHUTDOWN_GRACE_SECONDS": "20",
    }
    with (
        Deployment(
            folder=tmp_path, replicas=0, settings=settings, module="proxy_server --reload"
        ) as deployment,
        deployment.server() as running,
    ):
        yield running


def write(file: Path, text: str) -> None:
    file.write_text(text)


async def asked(server: Process) -> str:
    """The conversation in which an answer is being made."""
    async with Door(server.port) as door:
        session = await door.rpc("anna", "ai:send", text="Hi")
    return str(session["conversation"])


async def answered(server: Process, conversation: str) -> str:
    async def whole() -> str | None:
        async with Door(server.port) as door:
            opened = await door.rpc("anna", "ai:open", conversation=conversation)
        parts = opened["messages"][-1]["parts"]
        return None if opened["generation"] else str(parts[0]["text"])

    return await until(whole)


async def logged(server: Process, event: str, times: int = 1) -> None:
    async def told() -> bool:
        return len(server.events(event=event)) >= times

    await until(told)


async def test_what_is_written_answers_next(server: Process, mine: Path, tmp_path: Path) -> None:
    first = await asked(server)
    write(mine, SAYS.format(word="two"))
    await logged(server, "draining")
    write(tmp_path / "release", "")
    await logged(server, "ready", 2)
    assert await answered(server, first) == "one whole"
    assert await answered(server, await asked(server)) == "two"

    write(mine, "async def answer(turn):")
    await logged(server, "server_ended")
    write(mine, SAYS.format(word="three"))
    await logged(server, "ready", 3)
    assert await answered(server, await asked(server)) == "three"
    assert server.stop() == 0


@pytest.mark.parametrize(
    ("responder", "sentence"),
    [
        ("", "--reload needs files to watch: set RESPONDER=package.module:attribute"),
        (
            "https://a.example/chat",
            "--reload needs files to watch: set RESPONDER=package.module:attribute",
        ),
        ("nothing_of_that_name:answer", "there is no module nothing_of_that_name to watch"),
    ],
)
def test_nothing_to_watch(responder: str, sentence: str) -> None:
    given = {"SIGNING_SECRETS": "a-secret-of-these-tests", "RESPONDER": responder}
    ran = subprocess.run(
        [sys.executable, "-m", "proxy_server", "--reload"],
        env={**os.environ, **given},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    assert sentence in ran.stderr
