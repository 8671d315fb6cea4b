"""Agents of the OpenAI Agents SDK behind RESPONDER, with the real library and a model over HTTP."""

from collections.abc import AsyncIterator
from functools import partial

import pytest
from agents import set_tracing_disabled
from openai import AsyncOpenAI
from structlog.testing import capture_logs

from proxy_server.errors import ResponderFailed
from proxy_server.protocol.messages import Part, ReasoningPart, TextPart, decode_parts
from proxy_server.responders.python.responder import PythonResponder
from testbed.text import text as made
from testbed.waiting import until
from tests.responders.agents import openai_agents
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

TOOL = """[{"type": "tool-weather", "toolCallId": "call_9", "state": "output-available",
    "input": {"city": "Rome"}, "output": {"sky": "clear"}},
    {"type": "tool-weather", "toolCallId": "call_10", "state": "input-available", "input": {}}]"""
Responders = AsyncIterator[PythonResponder]


@pytest.fixture
async def chat(model: ModelServer, monkeypatch: pytest.MonkeyPatch) -> Responders:
    # its traces go to a service on the internet
    set_tracing_disabled(True)
    async with AsyncOpenAI(base_url=model.url, api_key="none") as client:
        monkeypatch.setattr(openai_agents, "chat", openai_agents.over(client), raising=False)
        async with running("tests.responders.agents.openai_agents:chat") as responder:
            yield responder


async def test_text_with_its_usage(chat: PythonResponder) -> None:
    said = await events(chat, prompt("/tokens 200 rate=0 seed=3"))
    assert text(said) == made(200, 3)
    assert (usage(said).input_tokens, usage(said).output_tokens) == (7, 9)
    assert finish(said) == "stop"


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


async def test_what_the_model_refuses_is_said_in_our_words(chat: PythonResponder) -> None:
    with pytest.raises(ResponderFailed) as failed:
        await events(chat, prompt("/status 401"))
    assert failed.value.sentence == "The model's provider does not accept this service's key."


async def test_a_stream_that_breaks_off(chat: PythonResponder) -> None:
    with pytest.raises(ResponderFailed) as failed:
        await events(chat, prompt("/cut 5"))
    assert failed.value.sentence == "The model broke off its answer. Try again."


async def test_the_words_of_an_exception_stay_in_the_log(chat: PythonResponder) -> None:
    with capture_logs() as logs, pytest.raises(ResponderFailed) as failed:
        await events(chat, prompt("/call broken {}"))
    assert failed.value.sentence == "Something went wrong while the answer was made. Try again."
    assert openai_agents.SECRET not in str(failed.value)
    [crashed] = [line for line in logs if line["event"] == "responder_failed"]
    assert openai_agents.SECRET in str(crashed["exc_info"])


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
