"""Answers that wait: decided once, by any tab, on any replica, after any restart."""

import asyncio
import sys
from pathlib import Path

import pytest

from proxy_server.errors import Busy, Forbidden, LimitReached, NotFound, Unavailable
from proxy_server.protocol.encoding import encode
from proxy_server.protocol.requests import Approval
from proxy_server.protocol.sessions import BEGINNING
from proxy_server.protocol.turns import Decided
from proxy_server.testing import InMemoryCentrifugo
from tests.chat import shop
from tests.chat.asking import Chat, Serve, states, text, tool

GUIDE = Path(__file__).parent.parent.parent / "docs" / "responders.md"


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
        await chat.check_published(centrifugo)

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
        # the other tab is too late, and sees the decision that counts
        seen = await chat.decide(deny=("b",))
        assert tool(seen, "b")["approval"] == {"id": "ask-b", "approved": True}
        await chat.check_published(centrifugo)
        assert len(shop.seen) == 1
        await asyncio.gather(
            chat.decide(deny=("a",), approve=("c",)), chat.decide(approve=("a", "c"))
        )
        message = await chat.until("complete")
        assert len(shop.seen) == 2
        again = await chat.decide(deny=("a", "b", "c"))
        assert encode(again) == encode(message)
        await chat.check_published(centrifugo)
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
        await chat.check_published(centrifugo)
    assert tool(message, "where")["output"] == {"city": "Bern"}
    assert shop.seen[-1].decisions[0].output == {"city": "Bern"}
    assert text(message) == "Let me see. At {'city': 'Bern'}. Done."


async def test_a_call_that_nobody_is_to_answer_is_not_waited_for(serve: Serve, user: str) -> None:
    async with serve() as app:
        chat = await Chat.begin(app, user, "dangling")
        await chat.until("complete")


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
        await chat.check_published(centrifugo)
        await chat.decide(deny=("a2",))
        message = await chat.until("complete")
        await chat.check_published(centrifugo)
    assert states(message)["a2"] == "output-denied"
    assert [decision.tool_call_id for decision in shop.seen[-1].decisions] == ["a2"]
    assert message.metadata.usage is not None
    assert message.metadata.usage.input_tokens == 14


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
