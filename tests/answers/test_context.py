"""What the model is asked: the conversation in order, within a budget, in the expected form."""

import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest

from testbed.client import Client, Json
from testbed.deployment import Deployment
from testbed.text import text

SYSTEM = {"role": "system", "content": "Be brief."}
BUDGET = 6000
IMAGE = {"type": "file", "mediaType": "image/png", "url": "https://example.com/a.png"}


@dataclass
class Chat:
    """One conversation of one visitor."""

    deployment: Deployment
    client: Client
    conversation: str | None = None

    async def asked(self, prompt: str, *images: Json, **options: str) -> Json:
        """Sends a prompt and waits for the answer; returns what the model was asked for it."""
        mark = uuid.uuid4().hex
        parts = [{"type": "text", "text": f"{prompt} mark={mark}"}, *images]
        if self.conversation is not None:
            options["conversation"] = self.conversation
        session = await self.client.rpc("ai:send", parts=parts, **options)
        self.conversation = session["conversation"]
        assert (await self.client.follow(session))["closing"]["type"] == "finish"
        await self.client.command("unsubscribe", {"channel": session["channel"]})
        (request,) = await self.deployment.asked(mark=mark)
        return request


@pytest.fixture(scope="module")
def choosy(infrastructure: Deployment) -> Iterator[Deployment]:
    """With a server that has all the settings on what the model is asked."""
    settings = {
        "SYSTEM_PROMPT": SYSTEM["content"],
        "CONTEXT_CHARACTERS": str(BUDGET),
        "MAX_OUTPUT_TOKENS": "77",
        "MODELS": "second",
    }
    with infrastructure.server(1, **settings):
        yield infrastructure


@pytest.fixture
async def chat(choosy: Deployment) -> AsyncIterator[Chat]:
    client = await choosy.connect()
    yield Chat(choosy, client)
    await client.close()


def prompt_of(request: Json) -> Json:
    last: Json = request["messages"][-1]
    return last


async def test_the_model_is_asked_with_all_that_was_said_before(chat: Chat) -> None:
    first = await chat.asked("/tokens 3")
    assert first["messages"] == [SYSTEM, prompt_of(first)]
    assert prompt_of(first)["role"] == "user"
    assert prompt_of(first)["content"].startswith("/tokens 3 mark=")

    second = await chat.asked("/tokens 4 seed=1")
    said = [*first["messages"], {"role": "assistant", "content": text(3)}]
    assert second["messages"] == [*said, prompt_of(second)]

    third = await chat.asked("/reasoning")
    said = [*second["messages"], {"role": "assistant", "content": text(4, 1)}]
    assert third["messages"] == [*said, prompt_of(third)]

    # the model's earlier reasoning is not sent to it again
    fourth = await chat.asked("/tokens 1")
    said = [*third["messages"], {"role": "assistant", "content": "so"}]
    assert fourth["messages"] == [*said, prompt_of(fourth)]

    assert {first["model"], fourth["model"]} == {"test"}
    assert {first["max_completion_tokens"], fourth["max_completion_tokens"]} == {77}
    assert fourth["stream_options"] == {"include_usage": True}


async def test_the_oldest_messages_are_left_out_beyond_the_budget(chat: Chat) -> None:
    long = "x" * (BUDGET + 1)
    await chat.asked("/tokens 3")
    # the prompt is always sent, however long
    second = await chat.asked(f"/tokens 4 note={long}")
    assert second["messages"] == [SYSTEM, prompt_of(second)]

    # an answer whose prompt is left out is left out too: models want the user first
    third = await chat.asked("/tokens 5")
    assert third["messages"] == [SYSTEM, prompt_of(third)]
    fourth = await chat.asked("/tokens 3")
    answer = {"role": "assistant", "content": text(5)}
    assert fourth["messages"] == [SYSTEM, prompt_of(third), answer, prompt_of(fourth)]


async def test_images_and_another_model_reach_the_provider(chat: Chat) -> None:
    first = await chat.asked("/tokens 3", IMAGE, model="second")
    assert first["model"] == "second"
    words, image = prompt_of(first)["content"]
    assert words["type"] == "text"
    assert words["text"].startswith("/tokens 3")
    assert image == {"type": "image_url", "image_url": {"url": IMAGE["url"]}}

    second = await chat.asked("/tokens 2")
    assert second["model"] == "test"
    assert second["messages"][1] == prompt_of(first)


async def test_without_settings_nothing_is_added(deployment: Deployment, client: Client) -> None:
    request = await Chat(deployment, client).asked("/tokens 2")
    assert request["messages"] == [prompt_of(request)]
    assert "max_completion_tokens" not in request
