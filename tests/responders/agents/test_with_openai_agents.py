"""Agents of the OpenAI Agents SDK behind RESPONDER, with the real library and a model over HTTP."""

from collections.abc import AsyncIterator
from functools import partial

import pytest
from structlog.testing import capture_logs

from proxy_server.protocol.messages import Part, ReasoningPart, TextPart, decode_parts
from proxy_server.responders.python.responder import PythonResponder
from testbed.waiting import until
from tests.responders.agents.frameworks import answering
from tests.responders.agents.running import (
    ModelServer,
    chunks,
    events,
    prompt,
    reasoning,
    text,
    usage,
)

TOOL = """[{"type": "tool-weather", "toolCallId": "call_9", "state": "output-available",
    "input": {"city": "Rome"}, "output": {"sky": "clear"}},
    {"type": "tool-weather", "toolCallId": "call_10", "state": "input-available", "input": {}}]"""
Responders = AsyncIterator[PythonResponder]


@pytest.fixture
async def chat(model: ModelServer, monkeypatch: pytest.MonkeyPatch) -> Responders:
    async with answering("openai-agents", model.url, monkeypatch) as responder:
        yield responder


async def test_reasoning(chat: PythonResponder) -> None:
    said = await events(chat, prompt("/reasoning"))
    assert (reasoning(said), text(said)) == ("hmm", "so")


async def test_a_tool_with_its_input_as_it_grows(chat: PythonResponder) -> None:
    said = await events(chat, prompt('/call weather {"city": "Bonn"}'))
    assert text(said) == "Let me look. It says: sun in Bonn for anna "
    [start, *deltas, available, output] = chunks(said, "tool-")
    call_id = start["toolCallId"]
    assert start == {"type": "tool-input-start", "toolCallId": call_id, "toolName": "weather"}
    assert len(deltas) > 1
    assert "".join(delta["inputTextDelta"] for delta in deltas) == '{"city": "Bonn"}'
    assert (available["type"], available["input"]) == ("tool-input-available", {"city": "Bonn"})
    assert output["output"] == "sun in Bonn for anna"
    assert {chunk["toolCallId"] for chunk in (*deltas, available, output)} == {call_id}
    assert (usage(said).input_tokens, usage(said).output_tokens) == (14, 18)


async def test_a_handoff(chat: PythonResponder, model: ModelServer) -> None:
    said = await events(chat, prompt("/call transfer_to_other {} mark=handoff"))
    assert chunks(said, "tool-output")[0]["output"] == '{"assistant": "Other"}'
    asked = await model.asked("handoff")
    assert [one["messages"][0]["content"] for one in asked] == [
        "You are kind.",
        "You are the other.",
    ]


async def test_it_is_given_the_conversation(chat: PythonResponder, model: ModelServer) -> None:
    before: list[Part] = [ReasoningPart("hm"), TextPart("One."), *decode_parts(TOOL)]
    await events(chat, prompt("Hi", [*before, TextPart("Two.")], "/tokens 2 mark=openai-agents"))
    [asked] = await model.asked("openai-agents")
    _, hello, first, call, output, second, last = asked["messages"]
    assert [one["role"] for one in (hello, first, output, last)] == [
        "user",
        "assistant",
        "tool",
        "user",
    ]
    [called] = call["tool_calls"]
    assert called["function"] == {"name": "weather", "arguments": '{"city": "Rome"}'}
    assert output["content"] == '{"sky": "clear"}'
    assert (first["content"], second["content"]) == ("One.", "Two.")


@pytest.mark.parametrize("begun", [True, False])
async def test_a_stop_ends_the_request_to_the_model(
    chat: PythonResponder, model: ModelServer, begun: bool
) -> None:
    mark = f"stopped-{begun}"
    asked = "/tokens 3000 rate=20" if begun else "/silent"
    with capture_logs() as logs:
        async with chat.answer(prompt(f"{asked} mark={mark}")) as answer:
            if begun:
                await anext(answer)
            else:
                await until(partial(model.asked, mark))
        await until(partial(model.left, mark))
    assert not logs
