"""Agents that ask: decided while nothing runs, and continued by another replica."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest
from agents import set_tracing_disabled
from openai import AsyncOpenAI

from proxy_server import App, Message, Settings
from proxy_server.chat import NewPrompt
from proxy_server.protocol.messages import TextPart
from proxy_server.protocol.requests import Approval
from proxy_server.protocol.sessions import BEGINNING, Session
from proxy_server.protocol.turns import Decided
from proxy_server.testing import InMemoryCentrifugo
from testbed.waiting import until
from tests.responders.agents import graphs, openai_agents, pydantic_agents
from tests.responders.agents.running import ModelServer

HERE = "tests.responders.agents"
ASKING = {
    "pydantic_ai": (f"{HERE}.pydantic_agents:chat", pydantic_agents.paid),
    "openai_agents": (f"{HERE}.openai_agents:chat", openai_agents.paid),
    "langgraph": (f"{HERE}.graphs:chat", graphs.paid),
}
Replica = Callable[[str], AbstractAsyncContextManager[App]]


@pytest.fixture
def replica(model: ModelServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Replica:
    """One of several over the same store, each with agents that know nothing about before."""
    set_tracing_disabled(True)
    centrifugo = InMemoryCentrifugo()

    @asynccontextmanager
    async def started(place: str) -> AsyncIterator[App]:
        given = {
            "signing_secrets": ("a-secret-of-these-tests",),
            "database_url": f"sqlite:///{tmp_path}/conversations.db",
            "coalesce_seconds": 0,
            "responder": place,
        }
        openai = AsyncOpenAI(base_url=model.url, api_key="none")
        async with openai, httpx2.AsyncClient() as http:
            made = (
                (pydantic_agents, pydantic_agents.over(model.url)),
                (openai_agents, openai_agents.over(openai)),
                (graphs, graphs.over(model.url, http)),
            )
            for module, agent in made:
                monkeypatch.setattr(module, "chat", agent, raising=False)
            async with App(Settings.model_validate(given), centrifugo=centrifugo) as app:
                yield app

    for _, paid in ASKING.values():
        paid.clear()
    return started


async def reached(app: App, session: Session, *statuses: str) -> Message:
    async def shown() -> Message | None:
        message = (await app.chat.open("anna", session.conversation, None, 50)).messages[-1]
        return message if message.metadata.status in statuses else None

    return await until(shown)


async def waiting(app: App, text: str) -> tuple[Session, Message]:
    session = await app.chat.send("anna", NewPrompt([TextPart(text)]))
    message = await reached(app, session, "waiting", "failed", "complete")
    assert message.metadata.status == "waiting", message.metadata.error
    return session, message


def parts(message: Message) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = msgspec.json.decode(msgspec.json.encode(message.parts))
    return found


def tool(message: Message) -> dict[str, Any]:
    [found] = [part for part in parts(message) if "toolCallId" in part]
    return found


def words(message: Message) -> str:
    return "".join(part["text"] for part in parts(message) if part["type"] == "text")


async def decided(app: App, session: Session, message: Message, *, approved: bool) -> Message:
    approvals = [Approval(tool(message)["approval"]["id"], approved)]
    return await said_to(app, session, message, approvals)


async def said_to(
    app: App, session: Session, message: Message, approvals: list[Approval]
) -> Message:
    wanted = Decided(
        user="anna",
        conversation_id=session.conversation,
        message_id=message.id,
        approvals=approvals,
        outputs=[],
        since=BEGINNING,
    )
    await app.chat.decide(wanted)
    return await reached(app, session, "complete", "failed")


@pytest.mark.parametrize("framework", ASKING)
async def test_what_is_approved_is_done_once_on_another_replica(
    replica: Replica, framework: str
) -> None:
    place, paid = ASKING[framework]
    async with replica(place) as app:
        session, message = await waiting(app, '/call pay {"amount": 5}')
        asked = tool(message)
        assert (asked["type"], asked["state"]) == ("tool-pay", "approval-requested")
        assert asked["input"] == {"amount": 5}
    assert paid == []
    async with replica(place) as app:
        message = await decided(app, session, message, approved=True)
        assert (message.metadata.status, message.metadata.error) == ("complete", None)
        assert (tool(message)["state"], tool(message)["output"]) == ("output-available", "paid 5")
        assert words(message) == "Let me look. It says: paid 5 "
        usage = message.metadata.usage
        assert usage is not None
        assert (usage.input_tokens, usage.output_tokens) == (14, 18)
    assert paid == [5]


@pytest.mark.parametrize("framework", ASKING)
async def test_what_is_denied_is_not_done(replica: Replica, framework: str) -> None:
    place, paid = ASKING[framework]
    async with replica(place) as app:
        session, message = await waiting(app, '/call pay {"amount": 5}')
    async with replica(place) as app:
        message = await decided(app, session, message, approved=False)
        assert (message.metadata.status, message.metadata.error) == ("complete", None)
        assert tool(message)["state"] == "output-denied"
        assert words(message).startswith("Let me look. It says: ")
        again = NewPrompt([TextPart("/tokens 3")], conversation_id=session.conversation)
        after = await reached(app, await app.chat.send("anna", again), "complete", "failed")
        assert after.metadata.status == "complete"
    assert paid == []


@pytest.mark.parametrize(("approved", "said"), [(True, "I shall."), (False, "I shall not.")])
async def test_a_node_that_asks_is_shown_as_a_tool(
    replica: Replica, *, approved: bool, said: str
) -> None:
    async with replica(f"{HERE}.graphs:agrees") as app:
        session, message = await waiting(app, "Hi")
        assert (tool(message)["toolName"], tool(message)["input"]) == ("interrupt", "Shall I?")
    async with replica(f"{HERE}.graphs:agrees") as app:
        message = await decided(app, session, message, approved=approved)
    assert (message.metadata.error, words(message)) == (None, said)


async def test_a_node_that_asks_for_several_things(replica: Replica) -> None:
    async with replica(f"{HERE}.graphs:reviews") as app:
        session, message = await waiting(app, "Hi")
    asked = [part for part in parts(message) if "toolCallId" in part]
    assert [one["input"]["args"]["to"] for one in asked] == ["Ann", "Bob"]
    async with replica(f"{HERE}.graphs:reviews") as app:
        approvals = [
            Approval(one["approval"]["id"], approved)
            for one, approved in zip(asked, (True, False), strict=True)
        ]
        message = await said_to(app, session, message, approvals)
    assert words(message) == "approve, reject"


async def test_a_graph_with_a_place_of_its_own_for_its_state(
    replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with replica(f"{HERE}.graphs:forgets") as app:
        session, message = await waiting(app, "Hi")
        assert not [part for part in parts(message) if "state" in part.get("data", {})]
        first, asked = await waiting(app, "Hi")
        assert words(await decided(app, first, asked, approved=True)) == "I shall."
    monkeypatch.setattr(graphs, "forgets", graphs.forgets.copy({"checkpointer": graphs.saver()}))
    async with replica(f"{HERE}.graphs:forgets") as app:
        message = await decided(app, session, message, approved=True)
    assert (
        message.metadata.error
        == "This answer cannot continue because its state was lost. Ask again."
    )
