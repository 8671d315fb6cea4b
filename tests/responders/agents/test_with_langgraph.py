"""LangGraph graphs behind RESPONDER, with the real library and a model over HTTP."""

from collections.abc import AsyncIterator
from functools import partial

import pytest
from structlog.testing import capture_logs

from proxy_server.errors import ResponderUnusable
from proxy_server.protocol.messages import Part, ReasoningPart, TextPart, decode_parts
from proxy_server.responders.python.responder import PythonResponder
from testbed.waiting import until
from tests.responders.agents.frameworks import answering
from tests.responders.agents.running import (
    ModelServer,
    chunks,
    events,
    finish,
    prompt,
    reasoning,
    running,
    text,
    usage,
)

PLACE = "tests.responders.agents.graphs"
TOOL = """[{"type": "dynamic-tool", "toolName": "weather", "toolCallId": "call_9",
    "state": "output-available", "input": {"city": "Rome"}, "output": {"sky": "clear"}},
    {"type": "tool-weather", "toolCallId": "call_10", "state": "input-available", "input": {}}]"""
Responders = AsyncIterator[PythonResponder]


@pytest.fixture
async def chat(model: ModelServer, monkeypatch: pytest.MonkeyPatch) -> Responders:
    async with answering("langgraph", model.url, monkeypatch) as responder:
        yield responder


async def test_a_cut_answer_says_so(chat: PythonResponder) -> None:
    assert finish(await events(chat, prompt("/tokens 5 finish=length"))) == "length"


async def test_reasoning() -> None:
    async with running(f"{PLACE}:thinks") as responder:
        said = await events(responder, prompt("Hi"))
    assert (reasoning(said), text(said)) == ("m", "so")


async def test_what_nodes_write_and_give_back() -> None:
    async with running(f"{PLACE}:writes") as responder:
        said = await events(responder, prompt("Hi"))
    assert text(said) == "Half and whole."
    assert chunks(said, "data-") == [{"type": "data-custom", "data": {"rows": 3}}]


async def test_a_tool_with_its_input_as_it_grows(chat: PythonResponder) -> None:
    said = await events(chat, prompt('/call weather {"city": "Bonn"}'))
    assert text(said) == "Let me look. It says: sun in Bonn for anna "
    [start, *deltas, available, output] = chunks(said, "tool-")
    call_id = start["toolCallId"]
    assert (start["type"], start["toolName"]) == ("tool-input-start", "weather")
    assert len(deltas) > 1
    assert "".join(delta["inputTextDelta"] for delta in deltas) == '{"city": "Bonn"}'
    assert (available["type"], available["input"]) == ("tool-input-available", {"city": "Bonn"})
    assert (output["type"], output["output"]) == (
        "tool-output-available",
        "sun in Bonn for anna",
    )
    assert {chunk["toolCallId"] for chunk in (*deltas, available, output)} == {call_id}
    assert [source["url"] for source in chunks(said, "source-url")] == ["https://example.com"]
    assert (usage(said).input_tokens, usage(said).output_tokens) == (14, 18)


async def test_it_is_given_the_conversation(chat: PythonResponder, model: ModelServer) -> None:
    before: list[Part] = [ReasoningPart("hm"), TextPart("One."), *decode_parts(TOOL)]
    asked_for = prompt("Hi", [*before, TextPart("Two.")], "/tokens 2 mark=langgraph")
    said = await events(chat, asked_for)
    assert not chunks(said, "tool-")
    [asked] = await model.asked("langgraph")
    system, hello, first, call, output, second, last = asked["messages"]
    assert (system["content"], hello["role"], last["role"]) == ("You are kind.", "user", "user")
    [called] = call["tool_calls"]
    assert called["function"] == {"name": "weather", "arguments": '{"city": "Rome"}'}
    assert output["content"] == '{"sky": "clear"}'
    assert (first["content"], second["content"]) == ("One.", "Two.")


@pytest.mark.parametrize("asked", ["/tokens 3000 rate=20", "/silent"])
async def test_a_stop_ends_the_request_to_the_model(
    chat: PythonResponder, model: ModelServer, asked: str
) -> None:
    mark = f"langgraph{len(asked)}"
    with capture_logs() as logs:
        async with chat.answer(prompt(f"{asked} mark={mark}")) as answer:
            if asked == "/silent":
                await until(partial(model.asked, mark))
            else:
                await anext(answer)
        await until(partial(model.left, mark))
    assert not logs


def test_one_that_wants_what_nobody_gives() -> None:
    with pytest.raises(ResponderUnusable, match="has no messages in its state"):
        PythonResponder(f"{PLACE}:other")
