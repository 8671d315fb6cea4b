"""How an operator's Python ends: by itself, by an exception, by a stop, or not at all."""

import asyncio
import json

import pytest
from structlog.testing import capture_logs

from proxy_server import App
from proxy_server.protocol.encoding import encode
from proxy_server.protocol.messages import Message
from testbed.deployment import Deployment
from testbed.door import Door
from testbed.waiting import until
from tests.responders.asking import NEUTRAL, OWN, Serve, asked, begun, ended, said
from tests.responders.python import own


@pytest.mark.parametrize(
    ("responder", "sentence"),
    [
        ("raises", NEUTRAL),
        ("exits", NEUTRAL),
        ("odd", NEUTRAL),
        ("cancels_itself", NEUTRAL),
        ("number", NEUTRAL),
        ("error_chunk", NEUTRAL),
        ("no_json", NEUTRAL),
        ("declines", "This document is still being read."),
    ],
)
async def test_an_exception_fails_the_answer(serve: Serve, responder: str, sentence: str) -> None:
    async with serve(responder) as app:
        with capture_logs() as logs:
            message = await asked(app)
        assert said(message) == "So far"
        assert message.metadata.status == "failed"
        assert message.metadata.error == sentence
        [failed] = [line for line in logs if line["event"] == "model_failed"]
        assert failed["reason"] == "responder"
        # the next one is answered all the same
        assert said(await asked(app)) == "So far"
    if responder in ("raises", "exits", "odd"):
        [crashed] = [line for line in logs if line["event"] == "responder_failed"]
        assert own.SECRET in str(crashed["exc_info"])
        assert crashed["responder"] == f"{OWN}:{responder}"


async def test_usage_is_told_of_a_failure_too(serve: Serve) -> None:
    async with serve("reports") as app:
        message = await asked(app)
    assert message.metadata.status == "failed"
    usage = message.metadata.usage
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens, usage.cached_input_tokens) == (7, 3, 5)


async def test_no_word_is_no_answer(serve: Serve) -> None:
    async with serve("nothing") as app:
        message = await asked(app)
    assert (message.metadata.status, message.parts) == ("failed", [])
    assert message.metadata.error == "There was no answer. Try again."


async def stopped(app: App) -> Message:
    session = await begun(app)
    await app.chat.stop("anna", session.conversation)
    return await ended(app, session)


@pytest.mark.parametrize("responder", ["waits", "floods"])
async def test_a_stop_ends_what_it_holds_open(serve: Serve, responder: str) -> None:
    async with serve(responder) as app:
        with capture_logs() as logs:
            message = await stopped(app)
        assert message.metadata.status == "stopped"
        assert own.done == ["aexit", "finally"]
    assert not [line for line in logs if line["event"].startswith("responder")]


async def test_a_stop_leaves_no_tool_at_work(serve: Serve) -> None:
    async with serve("calls") as app:
        message = await stopped(app)
    said, tool = json.loads(encode(message.parts))
    assert said == {"type": "text", "text": "So far"}
    assert tool == {
        "type": "tool-search",
        "toolCallId": "t",
        "state": "output-error",
        "input": {"query": "te"},
        "rawInput": '{"query": "te',
        "errorText": "The answer ended before the input was complete.",
    }
    assert message.metadata.status == "stopped"


async def test_the_time_limit_ends_it_too(serve: Serve) -> None:
    async with serve("waits", generation_seconds=0.2) as app:
        message = await asked(app)
    assert message.metadata.status == "failed"
    assert message.metadata.error == "The answer took longer than 0.2 seconds. Try again."
    assert own.done == ["aexit", "finally"]


async def test_the_end_of_the_service_ends_it(serve: Serve) -> None:
    async with serve("waits") as app:
        await begun(app)
    assert own.done == ["aexit", "finally"]


async def test_one_that_swallows_its_end_is_left_behind(serve: Serve) -> None:
    async with serve("swallows") as app:
        with capture_logs() as logs:
            message = await stopped(app)
        assert (message.metadata.status, said(message)) == ("stopped", "So far")
        [left] = [line for line in logs if line["event"] == "responder_left_behind"]
        assert left["message"] == message.id
        assert left["responder"] == f"{OWN}:swallows"
        assert left["where"].partition(":")[0] == own.__file__
        own.release.set()
        await until(_none_left)


async def _none_left() -> bool:
    await asyncio.sleep(0)
    return own.done == ["swallowed"]


async def test_one_that_swallows_its_end_and_speaks_on_is_ended(serve: Serve) -> None:
    async with serve("speaks_on") as app:
        with capture_logs() as logs:
            message = await stopped(app)
    assert (message.metadata.status, said(message)) == ("stopped", "So far")
    assert own.done == ["swallowed"]
    assert not [line for line in logs if line["event"].startswith("responder")]


async def test_a_server_with_one_left_behind_still_ends(infrastructure: Deployment) -> None:
    with infrastructure.server(2, RESPONDER=f"{OWN}:swallows") as server:
        async with Door(server.port) as door:
            session = await door.rpc("anna", "ai:send", text="Hi")

            async def shown() -> object:
                opened = await door.rpc("anna", "ai:open", conversation=session["conversation"])
                return opened["generation"]["seq"] > 1 if opened["generation"] else None

            await until(shown)
        assert await asyncio.to_thread(server.stop) == 0
        assert server.events(event="responder_left_behind")
        assert "Traceback" not in server.log_text()
