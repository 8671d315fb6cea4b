"""`examples/node-route`: the real AI SDK in Node behind a whole deployment."""

import asyncio
import base64
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from testbed.deployment import Deployment
from testbed.ports import free_port
from testbed.process import Process
from testbed.text import text
from testbed.waiting import until
from tests.conftest import SETTINGS

ROOT = Path(__file__).parents[3]
SECRET = "whsec_" + base64.b64encode(b"a secret of these tests, by no means").decode()
OTHER = "whsec_" + base64.b64encode(b"a secret that the route does not know").decode()


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """All parts, including the route; `stranger` lacks the right secret."""
    folder = tmp_path_factory.mktemp("node-route")
    port = free_port()
    settings = {
        "RESPONDER": f"http://127.0.0.1:{port}/api/chat",
        "RESPONDER_SECRETS": f"{OTHER},{SECRET}",
        # on a busy machine, a first answer in Node takes long
        "FIRST_TOKEN_SECONDS": "20",
        "IDLE_SECONDS": "20",
        "RESPONDERS": f"nowhere=http://127.0.0.1:{port}/nowhere",
    }
    with Deployment(folder=folder, settings=SETTINGS | settings) as running:
        environment = {
            "PORT": str(port),
            "RESPONDER_SECRETS": SECRET,
            "OPENAI_BASE_URL": f"http://127.0.0.1:{running.model_port}/v1",
            "OPENAI_API_KEY": "none",
            "OPENAI_MODEL": "test",
        }
        with Process("the route", command(folder), port, folder / "route.log", environment):
            yield running


def command(folder: Path) -> list[str]:
    """The example as it is, with the packages of the frontend's tests."""
    example = folder / "example"
    shutil.copytree(
        ROOT / "examples" / "node-route", example, ignore=shutil.ignore_patterns("node_modules")
    )
    (example / "node_modules").symlink_to(ROOT / "frontend" / "node_modules")
    return ["node", str(example / "route.js")]


async def test_it_answers(asked: Deployment) -> None:
    client = await asked.connect()
    session = await client.rpc("ai:send", text="/tokens 300 rate=0 seed=5 mark=first", key="mine")
    answer = await client.follow(session)
    assert answer["closing"]["type"] == "finish", answer["closing"]
    assert answer["text"] == text(300, 5)
    metadata = answer["closing"]["messageMetadata"]
    assert (metadata["status"], metadata["model"]) == ("complete", "chat")
    assert metadata["usage"] == {"input_tokens": 7, "output_tokens": 9}
    [request] = await asked.asked(mark="first")
    instructions, prompt = request["messages"]
    assert client.hello["data"]["user"] in instructions["content"]
    assert prompt == {"role": "user", "content": "/tokens 300 rate=0 seed=5 mark=first"}

    again = await asked.connect(token=client.hello["data"]["token"])
    following = await again.rpc("ai:send", text="/tokens 3 mark=second", key="mine")
    assert (await again.follow(following))["text"] == text(3)
    [request] = await asked.asked(mark="second")
    assert [said["role"] for said in request["messages"]] == ["system", "user", "assistant", "user"]
    assert request["messages"][2]["content"] == text(300, 5)
    await client.close()
    await again.close()


async def test_reasoning(asked: Deployment) -> None:
    client = await asked.connect()
    answer = await client.follow(await client.rpc("ai:send", text="/reasoning"))
    assert (answer["reasoning"], answer["text"]) == ("hmm", "so")
    await client.close()


async def test_a_stop_is_seen_at_the_route_and_behind_it(asked: Deployment) -> None:
    client = await asked.connect()
    session = await client.rpc("ai:send", text="/tokens 3000 rate=20 mark=long")
    following = asyncio.create_task(client.follow(session))
    await until(partial(asked.sent, "long"))
    stopped = await client.rpc("ai:stop", conversation=session["conversation"])
    assert stopped == {"stopped": True}
    assert (await following)["closing"]["messageMetadata"]["status"] == "stopped"

    async def left() -> bool:
        [sent] = await asked.sent("long")
        return sent["ended_at"] is not None and not sent["whole"]

    await asyncio.wait_for(until(left), 1)
    await client.close()


@pytest.mark.parametrize(
    ("prompt", "shown", "sentence"),
    [
        ("/status 400", "", "The model did not answer. Try again."),
        # Node passes a cut on, and drops what it has not sent by then
        ("/cut 5", text(5), "The model broke off its answer. Try again."),
    ],
)
async def test_what_goes_wrong_behind_it_is_told(
    asked: Deployment, prompt: str, shown: str, sentence: str
) -> None:
    client = await asked.connect()
    answer = await client.follow(await client.rpc("ai:send", text=prompt))
    assert answer["closing"]["type"] == "error"
    assert answer["closing"]["errorText"] == sentence
    assert shown.startswith(answer["text"])
    await client.close()


async def test_a_path_that_there_is_not(asked: Deployment) -> None:
    client = await asked.connect()
    answer = await client.follow(await client.rpc("ai:send", text="Hi", model="nowhere"))
    assert answer["closing"]["errorText"].startswith("Something went wrong")
    [line] = [
        line
        for server in asked.servers
        for line in server.events(event="model_failed", reason="status_404")
    ]
    assert line["details"] == "status 404"
    await client.close()
