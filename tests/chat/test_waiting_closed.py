"""What ends a waiting answer without a decision."""

import pytest
import sqlalchemy as sa

from proxy_server.errors import Busy, Forbidden, NotFound
from proxy_server.store.schema import generations
from proxy_server.testing import InMemoryCentrifugo
from tests.chat import shop
from tests.chat.asking import Chat, Serve, states, text, tool


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
        await chat.check_published(centrifugo)
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
        await chat.check_published(centrifugo)
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
        await chat.check_published(centrifugo)


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
        await chat.check_published(centrifugo)
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
        # looking at another version decides nothing
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
        await chat.check_published(centrifugo)
