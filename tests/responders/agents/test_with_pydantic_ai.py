"""PydanticAI agents behind RESPONDER, with the real library and a model over HTTP."""

import contextlib
from collections.abc import AsyncIterator
from functools import partial

import pytest

from proxy_server.errors import ResponderFailed, ResponderUnusable
from proxy_server.protocol.messages import Part, ReasoningPart, SourceUrl, TextPart
from proxy_server.responders.python.responder import PythonResponder
from testbed.waiting import until
from tests.responders.agents import pydantic_agents
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

PLACE = "tests.responders.agents.pydantic_agents"
Responders = AsyncIterator[PythonResponder]


@pytest.fixture
async def chat(model: ModelServer, monkeypatch: pytest.MonkeyPatch) -> Responders:
    async with answering("pydantic-ai", model.url, monkeypatch) as responder:
        yield responder


async def test_a_cut_answer_says_so(chat: PythonResponder) -> None:
    assert finish(await events(chat, prompt("/tokens 5 finish=length"))) == "length"


async def test_its_chunks_may_be_yielded_by_a_function() -> None:
    async with running(f"{PLACE}:by_hand") as responder:
        said = await events(responder, prompt("three"))
    assert text(said) == "0 1 2 "
    assert finish(said) == "stop"


async def test_reasoning(chat: PythonResponder) -> None:
    said = await events(chat, prompt("/reasoning"))
    assert (reasoning(said), text(said)) == ("hmm", "so")


async def test_a_tool_with_its_input_as_it_grows(chat: PythonResponder) -> None:
    said = await events(chat, prompt('/call weather {"city": "Bonn"}'))
    assert text(said) == "Let me look. It says: sun in Bonn for anna "
    [start, *deltas, available, output] = chunks(said, "tool-")
    assert (start["type"], start["toolName"]) == ("tool-input-start", "weather")
    assert len(deltas) > 1
    assert "".join(delta["inputTextDelta"] for delta in deltas) == '{"city": "Bonn"}'
    assert (available["type"], available["input"]) == ("tool-input-available", {"city": "Bonn"})
    assert output["output"] == "sun in Bonn for anna"
    assert (usage(said).input_tokens, usage(said).output_tokens) == (14, 18)


async def test_it_is_given_the_conversation(chat: PythonResponder, model: ModelServer) -> None:
    before: list[Part] = [
        ReasoningPart("hm"),
        TextPart("One."),
        SourceUrl("1", "https://example.com"),
        TextPart("Two."),
    ]
    await events(chat, prompt("Hi", before, "/tokens 2 mark=conversation"))
    [asked] = await model.asked("conversation")
    *instructions, first, reply, last = asked["messages"]
    assert [one["content"] for one in instructions] == ["You are kind.", "Be short."]
    assert (first["role"], reply["role"], last["role"]) == ("user", "assistant", "user")
    assert "One." in reply["content"]


async def test_a_stop_ends_the_request_to_the_model(
    chat: PythonResponder, model: ModelServer
) -> None:
    async with chat.answer(prompt("/tokens 3000 rate=20 mark=stopped")) as answer:
        await anext(answer)
    await until(partial(model.left, "stopped"))


async def test_a_stop_closes_what_a_model_holds() -> None:
    pydantic_agents.closed.clear()
    place = f"{PLACE}:endless"
    async with running(place) as responder, responder.answer(prompt("Hi")) as answer:
        await anext(answer)
    assert pydantic_agents.closed == ["model"]


async def test_an_mcp_server_is_started_once_and_again_when_it_died(
    model: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = pydantic_agents.over(model.url, pydantic_agents.mortal())
    monkeypatch.setattr(pydantic_agents, "chat", agent, raising=False)

    async def pid(responder: PythonResponder) -> int:
        said = await events(responder, prompt("/call pid {}"))
        return int(chunks(said, "tool-output")[0]["output"])

    async with running(f"{PLACE}:chat") as responder:
        first = await pid(responder)
        assert await pid(responder) == first
        with contextlib.suppress(ResponderFailed):
            await events(responder, prompt("/call die {}"))
        assert await pid(responder) != first


def test_one_that_depends_on_what_nobody_gives() -> None:
    with pytest.raises(ResponderUnusable, match="its deps, a Shop"):
        PythonResponder(f"{PLACE}:depends")
