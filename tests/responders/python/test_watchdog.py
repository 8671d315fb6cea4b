"""A responder that blocks the event loop is named with its line; one that waits is not."""

import sys
import sysconfig
import threading
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from structlog.testing import capture_logs

from proxy_server.protocol.messages import Message, Metadata, TextPart
from proxy_server.responders.python.responder import PythonResponder
from proxy_server.responders.python.watchdog import Watchdog, blocking
from proxy_server.responders.responder import Prompt
from tests.responders.python import blocking as responders

FILE = Path(responders.__file__)
LINE = FILE.read_text().splitlines().index("        time.sleep(0.01)") + 1
PROMPT = Prompt(
    "anna", "conversation", "answer", "test", [Message("p", "user", [TextPart("a")], Metadata(0))]
)


async def watched(name: str) -> list[Any]:
    """What is logged while it answers."""
    with capture_logs() as logs:
        responders.logs = logs
        watchdog = Watchdog(late_seconds=0.1)
        watchdog.begin()
        async with PythonResponder(f"{responders.__name__}:{name}").answer(PROMPT) as answer:
            async for _ in answer:
                pass
        watchdog.close()
    return [*logs]


@pytest.mark.parametrize("name", ["answer", "in_a_task"])
async def test_one_that_blocks(name: str) -> None:
    [line] = await watched(name)
    assert line["event"] == "event_loop_blocked"
    assert line["where"] in (f"{FILE}:{LINE}", f"{FILE}:{LINE - 1}")
    assert line["seconds"] >= 0.1
    named = (line["responder"], line["conversation"], line["message"])
    is_task = name == "in_a_task"
    assert named == (
        ("", "", "") if is_task else (f"{responders.__name__}:answer", "conversation", "answer")
    )


async def test_one_that_waits() -> None:
    assert await watched("waits") == []


async def test_one_that_is_installed_is_named_where_it_was_called() -> None:
    found: list[Any] = []
    file = f"{sysconfig.get_path('purelib')}/shop/bot.py"
    source = "async def answer(turn):\n    yield 'So far'\n    look(frame())\n"
    known: dict[str, Any] = {"frame": sys._getframe, "look": lambda at: found.append(blocking(at))}
    exec(compile(source, file, "exec"), known)  # noqa: S102
    responder = PythonResponder(f"{responders.__name__}:answer")
    responder._function = known["answer"]
    async with responder.answer(PROMPT) as answer:
        async for _ in answer:
            pass
    [named] = found
    assert named is not None
    assert (named.where, named.message) == (f"{file}:3", "answer")


def test_code_that_is_nobodys_is_not_named() -> None:
    ended = threading.Event()
    waiting = threading.Thread(target=ended.wait)
    waiting.start()
    frame: FrameType = sys._current_frames()[waiting.ident or 0]
    assert blocking(frame) is None
    assert blocking(None) is None
    ended.set()
    waiting.join()
