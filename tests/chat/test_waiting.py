"""Answers that wait: decided once, by whichever tab, on whichever replica, after any restart."""

import asyncio
import json
import sys
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from proxy_server import App, Settings
from proxy_server.answers.growing_message import GrowingMessage
from proxy_server.chat import NewPrompt
from proxy_server.errors import Busy, Forbidden, LimitReached, NotFound, Unavailable
from proxy_server.protocol.encoding import encode
from proxy_server.protocol.messages import Message, TextPart
from proxy_server.protocol.publications import published_chunks
from proxy_server.protocol.requests import Approval, ToolOutput
from proxy_server.protocol.sessions import BEGINNING, Session
from proxy_server.protocol.turns import Decided
from proxy_server.store.database import Store
from proxy_server.store.schema import generations
from proxy_server.testing import InMemoryCentrifugo
from testbed.deployment import Deployment
from testbed.door import Door
from testbed.waiting import until
from tests.chat import shop

GUIDE = Path(__file__).parent.parent.parent / "docs" / "responders.md"
Json = dict[str, Any]
Serve = Callable[..., AbstractAsyncContextManager[App]]


@pytest.fixture
def centrifugo() -> InMemoryCentrifugo:
    return InMemoryCentrifugo()


@pytest.fixture
def user() -> str:
    return str(uuid.uuid4())


@pytest.fixture
async def serve(
    serverless: Deployment, centrifugo: InMemoryCentrifugo, user: str
) -> AsyncIterator[Serve]:
    """A replica of the service, all but its door; all of them share Centrifugo and a database."""
    shop.seen.clear()
    database = serverless.server_settings["DATABASE_URL"]

    @asynccontextmanager
    async def served(**more: object) -> AsyncIterator[App]:
        given: dict[str, object] = {
            "signing_secrets": ("a-secret-of-these-tests",),
            "database_url": database,
            "coalesce_seconds": 0,
            "checkpoint_seconds": 0.1,
            "responder": "tests.chat.shop:shop",
            **more,
        }
        async with App(Settings.model_validate(given), centrifugo=centrifugo) as app:
            yield app

    yield served
    # what was not at its end is not for the servers of other tests
    store = Store(database)
    gone = sa.delete(generations).where(generations.c.owner == user)
    await store.write(lambda connection: connection.execute(gone))
    await store.close()


class Chat:
    """One conversation of a user's, as whoever looks on sees it."""

    def __init__(self, app: App, user: str, session: Session) -> None:
        self.app = app
        self.user = user
        self.id = session.conversation
        self.channel = session.channel
        self.answer = session.messages[-1].id

    @classmethod
    async def begin(cls, app: App, user: str, text: str) -> "Chat":
        return cls(app, user, await app.chat.send(user, NewPrompt([TextPart(text)])))

    def on(self, app: App) -> "Chat":
        """The same on another replica."""
        self.app = app
        return self

    async def open(self) -> Session:
        return await self.app.chat.open(self.user, self.id, None, 50)

    async def shown(self) -> Message:
        return next(one for one in (await self.open()).messages if one.id == self.answer)

    async def until(self, status: str) -> Message:
        async def reached() -> Message | None:
            message = await self.shown()
            return message if message.metadata.status == status else None

        return await until(reached)

    async def decide(
        self,
        *,
        approve: tuple[str, ...] = (),
        deny: tuple[str, ...] = (),
        outputs: Json | None = None,
        user: str | None = None,
    ) -> Message:
        said = [(call, True) for call in approve] + [(call, False) for call in deny]
        session = await self.app.chat.decide(
            Decided(
                user=user or self.user,
                conversation_id=self.id,
                message_id=self.answer,
                approvals=[Approval(f"ask-{call}", agreed) for call, agreed in said],
                outputs=[
                    ToolOutput(call, msgspec.Raw(encode(output)))
                    for call, output in (outputs or {}).items()
                ],
                since=BEGINNING,
            )
        )
        [message] = session.messages
        return message

    async def send(self, text: str, **more: Any) -> Session:
        prompt = NewPrompt([TextPart(text)], conversation_id=self.id, **more)
        return await self.app.chat.send(self.user, prompt)

    async def check_told(self, centrifugo: InMemoryCentrifugo) -> None:
        """All that is stored of the answer comes to be told, by numbers without a gap."""

        async def told() -> bool:
            shown = await self.shown()
            return self._replayed(centrifugo) == encode([shown.parts, shown.metadata])

        await until(told)

    def _replayed(self, centrifugo: InMemoryCentrifugo) -> bytes:
        growing, metadata, seq = GrowingMessage(), None, 0
        for entry in centrifugo.since(self.channel, None):
            publication = published_chunks(entry.data)
            if publication is None or publication.message_id != self.answer:
                continue
            seq += 1
            assert publication.seq == seq
            growing.replay(publication.chunks)
            for chunk in publication.chunks:
                metadata = getattr(chunk, "message_metadata", metadata)
        return encode([growing.ended("waiting")[1], metadata])


def states(message: Message) -> Json:
    """The states of an answer's tools, by their calls."""
    parts = json.loads(encode(message.parts))
    return {part["toolCallId"]: part["state"] for part in parts if "toolCallId" in part}


def tool(message: Message, call: str) -> Json:
    parts = json.loads(encode(message.parts))
    found: Json = next(part for part in parts if part.get("toolCallId") == call)
    return found


def text(message: Message) -> str:
    return "".join(part.text for part in message.parts if isinstance(part, TextPart))


async def test_an_answer_rests_until_its_user_has_agreed(
    serve: Serve, centrifugo: InMemoryCentrifugo, user: str
) -> None:
    async with serve() as app:
        chat = await Chat.begin(app, user, "order shoes")
        message = await chat.until("waiting")
        assert states(message) == {"shoes": "approval-requested"}
        session = await chat.open()
        assert session.generation is not None
        assert session.generation.status == "waiting"
        [summary] = (await app.library.list(user, 10, None)).conversations
        assert summary.status == "waiting"
        assert not app.supervisor._running
        await chat.check_told(centrifugo)

        decided = await chat.decide(approve=("shoes",))
        assert decided.metadata.status == "streaming"
        message = await chat.until("complete")
    assert tool(message, "shoes") | {"input": None} == {
        "type": "tool-order",
        "toolCallId": "shoes",
        "state": "output-available",
        "input": None,
        "output": "order of shoes",
        "approval": {"id": "ask-shoes", "approved": True},
    }
    assert text(message) == "Let me see. Done."
    assert message.metadata.usage is not None
    assert (message.metadata.usage.input_tokens, message.metadata.usage.output_tokens) == (12, 6)
    turn = shop.seen[-1]
    assert (turn.trigger, turn.text) == ("continue", "order shoes")
    assert turn.messages[-1].id == turn.message
    [decision] = turn.decisions
    assert (decision.tool, decision.input, decision.approved) == ("order", {"item": "shoes"}, True)


async def test_decisions_come_one_by_one_and_each_counts_once(
    serve: Serve, centrifugo: InMemoryCentrifugo, user: str
) -> None:
    async with serve() as app:
        chat = await Chat.begin(app, user, "order a b c")
        await chat.until("waiting")
        partly = await chat.decide(approve=("b",))
        assert partly.metadata.status == "waiting"
        # the other tab is too late, and sees what counts
        seen = await chat.decide(deny=("b",))
        assert tool(seen, "b")["approval"] == {"id": "ask-b", "approved": True}
        await chat.check_told(centrifugo)
        assert len(shop.seen) == 1
        await asyncio.gather(
            chat.decide(deny=("a",), approve=("c",)), chat.decide(approve=("a", "c"))
        )
        message = await chat.until("complete")
        assert len(shop.seen) == 2
        again = await chat.decide(deny=("a", "b", "c"))
        assert encode(again) == encode(message)
        await chat.check_told(centrifugo)
    assert states(message)["b"] == states(message)["c"] == "output-available"
    first = tool(message, "a")["approval"]["approved"]
    assert states(message)["a"] == ("output-available" if first else "output-denied")
    in_order = [decision.tool_call_id for decision in shop.seen[-1].decisions]
    assert (in_order[0], len(in_order)) == ("b", 3)


async def test_a_tool_of_the_clients_is_waited_for(
    serve: Serve, centrifugo: InMemoryCentrifugo, user: str
) -> None:
    async with serve() as app:
        chat = await Chat.begin(app, user, "locate me")
        assert states(await chat.until("waiting")) == {"where": "input-available"}
        await chat.decide(outputs={"where": {"city": "Bern"}})
        message = await chat.until("complete")
        await chat.check_told(centrifugo)
    assert tool(message, "where")["output"] == {"city": "Bern"}
    assert shop.seen[-1].decisions[0].output == {"city": "Bern"}
    assert text(message) == "Let me see. At {'city': 'Bern'}. Done."


async def test_a_call_that_nobody_is_to_answer_is_not_waited_for(serve: Serve, user: str) -> None:
    async with serve() as app:
        chat = await Chat.begin(app, user, "dangling")
        await chat.until("complete")


async def test_a_decision_survives_restarts_on_any_replica(
    serve: Serve, centrifugo: InMemoryCentrifugo, user: str
) -> None:
    async with serve() as app:
        chat = await Chat.begin(app, user, "order a b")
        await chat.until("waiting")
        await chat.decide(approve=("a",))
    # as after hours: no history reaches back to what was told
    centrifugo.cut(chat.channel, len(centrifugo.since(chat.channel, None)))
    top = centrifugo.top(chat.channel)
    async with serve() as other, serve() as third:
        opened = await chat.on(other).open()
        # what a server had not told in time may come meanwhile
        assert opened.since.epoch == top.epoch
        assert opened.since.offset >= top.offset
        assert opened.generation is not None
        assert (await chat.decide(approve=("b",))).metadata.status == "streaming"
        message = await chat.on(third).until("complete")
    assert states(message) == {"a": "output-available", "b": "output-available"}
    assert {decision.tool_call_id for decision in shop.seen[-1].decisions} == {"a", "b"}


async def test_an_answer_may_wait_more_than_once(
    serve: Serve, centrifugo: InMemoryCentrifugo, user: str
) -> None:
    async with serve() as app:
        chat = await Chat.begin(app, user, "order a again")
        await chat.until("waiting")
        await chat.decide(approve=("a",))
        assert states(await chat.until("waiting")) == {
            "a": "output-available",
            "a2": "approval-requested",
        }
        await chat.check_told(centrifugo)
        await chat.decide(deny=("a2",))
        message = await chat.until("complete")
        await chat.check_told(centrifugo)
    assert states(message)["a2"] == "output-denied"
    assert [decision.tool_call_id for decision in shop.seen[-1].decisions] == ["a2"]
    assert message.metadata.usage is not None
    assert message.metadata.usage.input_tokens == 14


@pytest.mark.parametrize("when_busy", ["reject", "queue", "interrupt"])
async def test_a_prompt_denies_what_waits(
    serve: Serve, centrifugo: InMemoryCentrifugo, user: str, when_busy: str
) -> None:
    async with serve(generations_per_user=1) as app:
        chat = await Chat.begin(app, user, "order a")
        await chat.until("waiting")
        session = await chat.send("never mind", when_busy=when_busy)
        assert session.generation is not None
        assert session.generation.status == "streaming"
        message = await chat.until("complete")
        assert states(message) == {"a": "output-denied"}
        assert tool(message, "a")["approval"]["approved"] is False
        assert message.metadata.finish_reason == "tool-calls"
        late = await chat.decide(approve=("a",))
        assert states(late) == {"a": "output-denied"}
        await chat.check_told(centrifugo)
        chat.answer = session.messages[-1].id
        assert text(await chat.until("complete")) == "Let me see. Nothing to do."


async def test_a_prompt_that_was_queued_before_denies_as_well(
    serve: Serve, centrifugo: InMemoryCentrifugo, user: str
) -> None:
    async with serve() as app:
        chat = await Chat.begin(app, user, "order a slowly")
        await chat.until("waiting")
        await chat.decide(approve=("a",))
        chat = await Chat.begin(app, user, "order b")
        # nothing runs between the two: the answer has not been made when the prompt comes
        session = await chat.send("hello", when_busy="queue")
        message = await chat.until("complete")
        assert states(message) == {"b": "output-denied"}
        await chat.check_told(centrifugo)
        chat.answer = session.messages[-1].id
        await chat.until("complete")


async def test_a_stop_closes_what_waits(
    serve: Serve, centrifugo: InMemoryCentrifugo, user: str
) -> None:
    async with serve() as app:
        chat = await Chat.begin(app, user, "locate me")
        await chat.until("waiting")
        assert await app.chat.stop(user, chat.id)
        message = await chat.until("stopped")
        assert not await app.chat.stop(user, chat.id)
        assert states(message) == {"where": "output-error"}
        [summary] = (await app.library.list(user, 10, None)).conversations
        assert summary.status == "stopped"
        await chat.check_told(centrifugo)


async def test_what_waits_is_made_anew_or_deleted(
    serve: Serve, centrifugo: InMemoryCentrifugo, user: str
) -> None:
    async with serve() as app:
        chat = await Chat.begin(app, user, "order a")
        await chat.until("waiting")
        session = await app.chat.regenerate(user, chat.id)
        with pytest.raises(NotFound):
            await chat.decide(approve=("a",))
        chat.answer = session.messages[-1].id
        await chat.until("waiting")
        assert shop.seen[-1].trigger == "regenerate"
        await chat.check_told(centrifugo)
        await app.library.delete(user, chat.id)
        with pytest.raises(Forbidden):
            await chat.decide(approve=("a",))
        left = sa.select(sa.func.count()).where(generations.c.conversation == chat.id)
        assert await app.store.read(lambda connection: connection.execute(left).scalar()) == 0


async def test_what_waits_leaves_with_the_prompt_that_is_edited(serve: Serve, user: str) -> None:
    async with serve() as app:
        chat = await Chat.begin(app, user, "order a")
        await chat.until("waiting")
        [prompt, waiting] = [message.id for message in (await chat.open()).messages]
        session = await chat.send("order b", replaces=prompt)
        with pytest.raises(NotFound):
            await chat.decide(approve=("a",))
        chat.answer = session.messages[-1].id
        await chat.until("waiting")
        # to look at another version decides nothing
        with pytest.raises(Busy):
            await app.chat.choose(user, chat.id, prompt, 50)
        assert await app.chat.stop(user, chat.id)
        found = await app.chat.choose(user, chat.id, prompt, 50)
        assert [message.id for message in found.messages] == [prompt, waiting]
        assert found.messages[1].metadata.status == "complete"
        assert found.generation is None


async def test_who_is_away_for_long_has_not_agreed(
    serve: Serve, centrifugo: InMemoryCentrifugo, user: str
) -> None:
    async with serve(waiting_seconds=0.2) as app, serve(waiting_seconds=0.2):
        chat = await Chat.begin(app, user, "order a")
        message = await chat.until("complete")
        assert states(message) == {"a": "output-denied"}
        assert tool(message, "a")["approval"]["reason"] == "Nobody decided in time."
        await chat.check_told(centrifugo)


async def test_only_the_owner_decides_and_only_what_is_asked(serve: Serve, user: str) -> None:
    async with serve() as app:
        chat = await Chat.begin(app, user, "order a")
        await chat.until("waiting")
        with pytest.raises(Forbidden):
            await chat.decide(approve=("a",), user="somebody else")
        with pytest.raises(NotFound):
            await chat.decide(approve=("b",))
        answer, chat.answer = chat.answer, (await chat.open()).messages[0].id
        with pytest.raises(NotFound):
            await chat.decide(approve=("a",))
        chat.answer = answer
        assert states(await chat.shown()) == {"a": "approval-requested"}


async def test_what_goes_on_counts_as_a_prompt(serve: Serve, user: str) -> None:
    async with serve(prompts_per_minute=2) as app:
        chat = await Chat.begin(app, user, "order a b")
        await chat.until("waiting")
        await Chat.begin(app, user, "hello")
        await chat.decide(approve=("a",))
        with pytest.raises(LimitReached):
            await chat.decide(approve=("b",))
        message = await chat.shown()
        assert states(message) == {"a": "approval-responded", "b": "approval-requested"}
        assert message.metadata.status == "waiting"


async def test_what_waits_is_none_of_a_users_answers_at_once(serve: Serve, user: str) -> None:
    async with serve(generations_per_user=1) as app:
        for _ in range(2):
            await (await Chat.begin(app, user, "order a")).until("waiting")
        chat = await Chat.begin(app, user, "order a")
        await chat.until("waiting")
        await chat.decide(approve=("a",))
        await chat.until("complete")


async def test_a_server_that_is_full_still_says_what_was_decided(serve: Serve, user: str) -> None:
    async with serve(max_generations=1, max_waiting=0, user_share=1) as app:
        other = await Chat.begin(app, user, "order a b slowly")
        await other.until("waiting")
        chat = await Chat.begin(app, user, "order a b slowly")
        await chat.until("waiting")
        await chat.decide(approve=("a", "b"))
        with pytest.raises(Unavailable):
            await other.decide(approve=("a", "b"))
        assert states(await other.shown())["a"] == "approval-requested"
        assert (await chat.decide(approve=("a",))).metadata.status == "streaming"


async def test_what_is_still_being_written_cannot_be_decided_yet(serve: Serve, user: str) -> None:
    async with serve() as app:
        chat = await Chat.begin(app, user, "order a slowly again")
        await chat.until("waiting")
        await chat.decide(approve=("a",))
        with pytest.raises(Busy):
            await chat.decide(approve=("a2",))


async def test_an_answer_that_went_on_ends_as_any_other(
    serve: Serve, centrifugo: InMemoryCentrifugo, user: str
) -> None:
    async with serve() as app:
        chat = await Chat.begin(app, user, "order a slowly")
        await chat.until("waiting")
        await chat.decide(approve=("a",))

        async def said() -> bool:
            return "Done" in text(await chat.shown())

        await until(said)
        assert await app.chat.stop(user, chat.id)
        message = await chat.until("stopped")
        assert text(message) == "Let me see. Done."
        await chat.check_told(centrifugo)


async def test_an_answer_that_went_on_is_taken_over(
    serve: Serve, centrifugo: InMemoryCentrifugo, user: str
) -> None:
    async with serve(lease_seconds=0.5) as app:
        chat = await Chat.begin(app, user, "order a slowly")
        await chat.until("waiting")
        await chat.decide(approve=("a",))

        async def said() -> bool:
            return "Done" in text(await chat.shown())

        await until(said)
        await app.supervisor.close()
        async with serve(lease_seconds=0.5) as other:
            message = await chat.on(other).until("interrupted")
            assert text(message) == "Let me see. Done."
            assert states(message) == {"a": "output-available"}
            await chat.check_told(centrifugo)


async def test_an_answer_that_had_not_gone_on_yet_goes_on_elsewhere(
    serve: Serve, centrifugo: InMemoryCentrifugo, user: str
) -> None:
    async with serve() as app:
        chat = await Chat.begin(app, user, "order a")
        await chat.until("waiting")
        draining = asyncio.create_task(app.supervisor.drain(1))
        await asyncio.sleep(0)
        with pytest.raises(Unavailable):
            await chat.decide(approve=("a",))
        await draining
    async with serve() as other:
        await chat.on(other).decide(approve=("a",))
        await chat.until("complete")
        await chat.check_told(centrifugo)


@pytest.mark.parametrize("agreed", [True, False])
async def test_the_guides_responder_asks_first(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, user: str, *, agreed: bool
) -> None:
    blocks = [block.partition("```")[0] for block in GUIDE.read_text().split("```python\n")[1:]]
    [told] = [block for block in blocks if "turn.decisions" in block]
    (tmp_path / "asking.py").write_text(told)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "asking", raising=False)
    async with serve(responder="asking:answer") as app:
        chat = await Chat.begin(app, user, "20 to Anna, please")
        await chat.until("waiting")
        approval = Approval(chat.answer, agreed)
        wanted = Decided(user, chat.id, chat.answer, [approval], [], BEGINNING)
        await app.chat.decide(wanted)
        message = await chat.until("complete")
    done = ("output-available", "It is done.") if agreed else ("output-denied", "Then I leave it.")
    assert states(message)[chat.answer] == done[0]
    assert text(message) == f"I can do that. {done[1]}"


async def test_a_killed_servers_answer_is_decided_on_another(
    serverless: Deployment, user: str
) -> None:
    settings = {"RESPONDER": "tests.chat.shop:shop"}
    with serverless.server(2, **settings) as server:
        async with Door(server.port) as door:
            session = await door.rpc(user, "ai:send", text="order a")
            where = {"conversation": session["conversation"]}
            answer = session["messages"][-1]["id"]
            await reached(door, user, where, "waiting")
        server.kill()
    with serverless.server(3, **settings) as one, serverless.server(4, **settings) as other:
        async with Door(one.port) as first, Door(other.port) as second:
            said = {**where, "message": answer}
            refused = [
                (await first.rpc(user, "ai:continue", **said, **wrong))["error"]["code"]
                for wrong in (
                    {},
                    {"approvals": [{"id": "ask-a"}]},
                    {"outputs": [{"toolCallId": "a"}]},
                    {"outputs": [{"toolCallId": "a", "output": 1, "errorText": "no"}]},
                    {"outputs": [{"toolCallId": "a", "output": nested(200)}]},
                    {"outputs": [{"toolCallId": "a", "output": 1}]},
                    {"outputs": [{"toolCallId": "b", "output": 1}]},
                    {"approvals": [{"id": "ask-a", "approved": True, "reason": "x" * 50_000}]},
                )
            ]
            assert refused == [400, 400, 400, 400, 400, 400, 404, 413]
            agreed = {"approvals": [{"id": "ask-a", "approved": True, "reason": "dear"}]}
            replies = await asyncio.gather(
                *(door.rpc(user, "ai:continue", **said, **agreed) for door in (first, second) * 2)
            )
            assert all(reply["messages"][0]["id"] == answer for reply in replies)
            message = await reached(second, user, where, "complete")
    [called] = [part for part in message["parts"] if "toolCallId" in part]
    assert called["output"] == "order of a"
    assert called["approval"] == {"id": "ask-a", "approved": True, "reason": "dear"}


async def reached(door: Door, user: str, where: Json, status: str) -> Json:
    async def last() -> Json | None:
        message: Json = (await door.rpc(user, "ai:open", **where))["messages"][-1]
        return message if message["metadata"]["status"] == status else None

    return await until(last)


def nested(depth: int) -> object:
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value
