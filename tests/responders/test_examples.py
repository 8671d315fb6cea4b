"""`examples/*.py`, each behind a real Centrifugo, as `make run` would start it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from testbed.client import Client, Json
from testbed.deployment import Deployment
from testbed.text import text
from testbed.waiting import until
from tests.conftest import SETTINGS

GUIDE = Path(__file__).parent.parent.parent / "docs" / "responders.md"
WHALES = "# Whales\nWhales are mammals of the sea.\n\n## Blue\nThe blue whale weighs 150 tons.\n"
BIRDS = "# Birds\nThe ostrich is a bird that runs.\n"


@contextmanager
def serving(folder: Path, responders: str) -> Iterator[Deployment]:
    """With two files of notes; `examples.notes:notes` answers prompts that name no model."""
    (folder / "notes" / "sea").mkdir(parents=True)
    (folder / "notes" / "sea" / "whales.md").write_text(WHALES)
    (folder / "notes" / "birds.md").write_text(BIRDS)
    [told] = [code for code in GUIDE.read_text().split("```python\n") if "def order" in code]
    (folder / "shop.py").write_text(told.split("```")[0])
    settings = {
        "PYTHONPATH": str(folder),
        "NOTES": str(folder / "notes"),
        "RESPONDER": "examples.notes:notes",
        "RESPONDERS": responders,
    }
    with Deployment(folder=folder, settings=SETTINGS | settings) as running:
        yield running


# one server per framework: on a busy machine, one that imports several takes long to start
@pytest.fixture(scope="module")
def notes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with serving(tmp_path_factory.mktemp("examples"), "echo=examples.echo:answer") as running:
        yield running


@pytest.fixture(scope="module")
def agents(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    named = "clerk=examples.clerk:clerk, shop=shop:agent"
    with serving(tmp_path_factory.mktemp("agents"), named) as running:
        yield running


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    named = "researcher=examples.researcher:researcher"
    with serving(tmp_path_factory.mktemp("graph"), named) as running:
        yield running


async def test_echo(notes: Deployment) -> None:
    client = await notes.connect()
    answer = await client.follow(await client.rpc("ai:send", text="One two three", model="echo"))
    assert answer["text"] == "One two three "
    assert answer["closing"]["messageMetadata"]["model"] == "echo"
    await client.close()


async def test_notes_answer_with_their_sources(notes: Deployment) -> None:
    client = await notes.connect()
    question = "/tokens 20 seed=77 mark=whale"
    session = await client.rpc("ai:send", text=question)
    answer = await client.follow(session)
    assert answer["text"] == text(20, 77)
    opened = await client.rpc("ai:open", conversation=session["conversation"])
    [_, source] = opened["messages"][-1]["parts"]
    assert (source["type"], source["title"]) == ("source-document", "sea/whales.md")
    metadata = answer["closing"]["messageMetadata"]
    assert (metadata["status"], metadata["model"]) == ("complete", "notes")
    assert "estimated" not in metadata["usage"]
    [asked] = await notes.asked(mark="whale")
    assert "The blue whale weighs 150 tons." in str(asked)
    assert "ostrich" not in str(asked)
    await client.close()


async def test_notes_say_that_they_have_nothing(notes: Deployment) -> None:
    client = await notes.connect()
    answer = await client.follow(await client.rpc("ai:send", text="Volcanoes?"))
    assert answer["closing"]["errorText"] == "The notes have nothing about that."
    await client.close()


async def test_a_stop_ends_the_request_to_the_model(notes: Deployment) -> None:
    client = await notes.connect()
    question = "/tokens 3000 rate=20 mark=blue"
    session = await client.rpc("ai:send", text=question)
    following = asyncio.create_task(client.follow(session))
    await until(partial(notes.sent, "blue"))
    stopped = await client.rpc("ai:stop", conversation=session["conversation"])
    assert stopped == {"stopped": True}
    answer = await following
    assert answer["closing"]["messageMetadata"]["status"] == "stopped"

    async def left() -> bool:
        [sent] = await notes.sent("blue")
        return sent["ended_at"] is not None and not sent["whole"]

    await until(left)
    await client.close()


async def reached(client: Client, session: Json, status: str) -> Json:
    async def shown() -> Json | None:
        opened = await client.rpc("ai:open", conversation=session["conversation"])
        message: Json = opened["messages"][-1]
        return message if message["metadata"]["status"] == status else None

    return await until(shown)


def tool(message: Json) -> Json:
    [found] = [part for part in message["parts"] if part["type"].startswith("tool-")]
    return dict(found)


async def test_the_clerk_looks_into_the_stock(agents: Deployment) -> None:
    client = await agents.connect()
    question = '/call in_stock {"item": "chairs"}'
    session = await client.rpc("ai:send", text=question, model="clerk")
    message = await reached(client, session, "complete")
    assert (tool(message)["input"], tool(message)["output"]) == ({"item": "chairs"}, 12)
    assert message["parts"][-1]["text"] == "It says: 12 "
    await client.close()


@pytest.mark.parametrize(
    ("model", "given", "said"),
    [
        ("clerk", '{"item": "chairs", "pieces": 2}', "Ordered 2 of chairs for "),
        ("shop", '{"item": "chairs"}', "Ordered chairs for "),
    ],
)
async def test_they_ask_before_they_order(
    agents: Deployment, model: str, given: str, said: str
) -> None:
    client = await agents.connect()
    session = await client.rpc("ai:send", text=f"/call order {given}", model=model)
    message = await reached(client, session, "waiting")
    assert tool(message)["state"] == "approval-requested"
    approval = {"id": tool(message)["approval"]["id"], "approved": True}
    place = {"conversation": session["conversation"], "message": message["id"]}
    going_on = await client.rpc("ai:continue", **place, approvals=[approval])
    assert going_on["generation"]["status"] in ("queued", "streaming")
    message = await reached(client, session, "complete")
    assert tool(message)["output"].startswith(said)
    await client.close()


async def test_the_researcher_looks_into_the_notes(graph: Deployment) -> None:
    client = await graph.connect()
    question = '/call look_up {"question": "How heavy is a whale?"}'
    session = await client.rpc("ai:send", text=question, model="researcher")
    message = await reached(client, session, "complete")
    assert "The blue whale weighs 150 tons." in tool(message)["output"]
    sources = [part for part in message["parts"] if part["type"] == "source-document"]
    assert [source["title"] for source in sources] == ["sea/whales.md"]
    await client.close()


def test_each_example_is_tried_here() -> None:
    examples = Path(__file__).parent.parent.parent / "examples"
    assert {file.stem for file in examples.glob("*.py")} == {
        "clerk",
        "echo",
        "notes",
        "researcher",
        "stock",
    }
