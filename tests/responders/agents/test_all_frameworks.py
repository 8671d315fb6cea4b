"""What holds for the agents of every framework."""

from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from proxy_server.errors import ResponderFailed
from proxy_server.responders.python.responder import PythonResponder
from testbed.text import text as made
from tests.responders.agents import graphs, openai_agents, pydantic_agents
from tests.responders.agents.frameworks import FRAMEWORKS, answering
from tests.responders.agents.running import ModelServer, events, finish, prompt, text, usage

SECRETS = (graphs.SECRET, openai_agents.SECRET, pydantic_agents.SECRET)


@pytest.fixture(params=FRAMEWORKS)
async def chat(
    request: pytest.FixtureRequest, model: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[PythonResponder]:
    async with answering(request.param, model.url, monkeypatch) as responder:
        yield responder


async def test_text_with_its_usage(chat: PythonResponder) -> None:
    said = await events(chat, prompt("/tokens 200 rate=0 seed=3"))
    assert text(said) == made(200, 3)
    assert (usage(said).input_tokens, usage(said).output_tokens) == (7, 9)
    assert finish(said) == "stop"


async def test_what_the_model_refuses_is_said_in_our_words(chat: PythonResponder) -> None:
    with pytest.raises(ResponderFailed) as failed:
        await events(chat, prompt("/status 401"))
    assert failed.value.reason == "status_401"
    assert failed.value.sentence == "The model's provider does not accept this service's key."


async def test_a_stream_that_breaks_off(chat: PythonResponder) -> None:
    with pytest.raises(ResponderFailed) as failed:
        await events(chat, prompt("/cut 5"))
    assert failed.value.sentence == "The model broke off its answer. Try again."


async def test_the_words_of_an_exception_stay_in_the_log(chat: PythonResponder) -> None:
    with capture_logs() as logs, pytest.raises(ResponderFailed) as failed:
        await events(chat, prompt("/call broken {}"))
    assert (
        failed.value.sentence
        == "Something went wrong while the answer was being written. Try again."
    )
    assert not any(secret in str(failed.value) for secret in SECRETS)
    [crashed] = [line for line in logs if line["event"] == "responder_failed"]
    assert any(secret in str(crashed["exc_info"]) for secret in SECRETS)
