"""A prompt's whole way if the model speaks the Responses API."""

import uuid
from collections.abc import Iterator

import pytest

from testbed.client import Json
from testbed.deployment import Deployment
from testbed.text import text
from testbed.waiting import until
from tests.whole.looking import shown, stored, visitor


@pytest.fixture
def answered(infrastructure: Deployment) -> Iterator[Deployment]:
    with infrastructure.server(OPENAI_API="responses"):
        yield infrastructure


@pytest.mark.parametrize(
    ("prompt", "status", "said", "reasoning"),
    [
        ("/tokens 60", "complete", text(60), ""),
        ("/tokens 9 finish=length", "complete", text(9), ""),
        ("/reasoning", "complete", "so", "hmm"),
        ("/bytes", "complete", text(9), ""),
        ("/surrogates", "complete", "😀", ""),
        ("/cut 30", "failed", text(30), ""),
        ("/half 30", "failed", text(30), ""),
        ("/status 400", "failed", "", ""),
    ],
)
async def test_an_answer(
    answered: Deployment, prompt: str, status: str, said: str, reasoning: str
) -> None:
    async with visitor(answered) as client:
        session = await client.rpc("ai:send", text=prompt)
        answer = await client.follow(session)
        message = await stored(client, session["conversation"], status)
    assert (answer["text"], answer["reasoning"]) == (said, reasoning)
    assert shown(message) == said
    if status == "complete":
        metadata = message["metadata"]
        assert metadata["finish_reason"] == ("length" if "length" in prompt else "stop")
        assert metadata["usage"] == {"input_tokens": 7, "output_tokens": 9}


async def test_a_stop_reaches_the_model(answered: Deployment) -> None:
    async with visitor(answered) as client:
        prompt = f"/tokens 5000 rate=50 mark={uuid.uuid4()}"
        session = await client.rpc("ai:send", text=prompt)
        await client.subscribe(session["channel"], session["since"])
        while (await client.publications.get()).get("seq") != 2:
            pass
        assert await client.rpc("ai:stop", conversation=session["conversation"]) == {
            "stopped": True
        }
        message = await stored(client, session["conversation"], "stopped")

    async def left() -> Json | None:
        [sent] = await answered.sent(mark=prompt.partition("mark=")[2])
        return sent if sent["ended_at"] is not None else None

    sent = await until(left)
    assert sent["text"].startswith(shown(message))
    assert not sent["whole"]
