"""A key may come to name another conversation while a call that gives it is on its way."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from proxy_server.chat import NewPrompt
from proxy_server.delivery.server_api import History
from proxy_server.errors import NotFound
from proxy_server.protocol.messages import TextPart
from proxy_server.protocol.sessions import BEGINNING, Position, Session
from proxy_server.testing import InMemoryCentrifugo
from tests.chat.asking import Chat, Serve, text


class Centrifugo(InMemoryCentrifugo):
    """Does something while it is asked for the position of a channel: once."""

    meanwhile: Callable[[], Awaitable[object]] | None = None

    async def history(
        self, channel: str, since: Position | None = None, limit: int = -1
    ) -> History:
        work, self.meanwhile = self.meanwhile, None
        if work is not None:
            await work()
        return await super().history(channel, since, limit)


@pytest.fixture
def centrifugo() -> Centrifugo:
    return Centrifugo()


def prompt(words: str) -> NewPrompt:
    return NewPrompt([TextPart(words)], key="trip", when_busy="queue")


async def test_a_conversation_that_is_deleted_meanwhile_is_begun_anew(
    serve: Serve, centrifugo: Centrifugo, user: str
) -> None:
    async with serve() as app:
        first = Chat(app, user, await app.chat.send(user, prompt("Hi")))
        await first.until("complete")
        centrifugo.meanwhile = lambda: app.library.delete(user, first.id)
        again = Chat(app, user, await app.chat.send(user, prompt("Again")))
        assert again.id != first.id
        await again.until("complete")
        assert [text(one) for one in (await again.open()).messages][:1] == ["Again"]
        await again.check_published(centrifugo)


async def test_two_who_begin_it_at_once_can_both_follow_it(
    serve: Serve, centrifugo: Centrifugo, user: str
) -> None:
    async with serve() as app, serve() as other:
        one, two = await asyncio.gather(
            app.chat.send(user, prompt("One")), other.chat.send(user, prompt("Two"))
        )
        assert one.conversation == two.conversation
        # who begins it follows from the beginning, and who comes second from where it was found
        [begun] = [session for session in (one, two) if session.since == BEGINNING]
        [joined] = [session for session in (one, two) if session is not begun]
        assert joined.since.epoch == centrifugo.top(joined.channel).epoch
        await Chat(app, user, joined).until("complete")


async def test_one_that_is_opened_and_deleted_meanwhile_is_not_there(
    serve: Serve, centrifugo: Centrifugo, user: str
) -> None:
    async with serve() as app:
        first = Chat(app, user, await app.chat.send(user, prompt("Hi")))
        await first.until("complete")
        centrifugo.meanwhile = lambda: app.library.delete(user, first.id)
        with pytest.raises(NotFound):
            await app.chat.open(user, None, "trip", 10)

        made: list[Session] = []

        async def replaced() -> None:
            await app.library.delete(user, second.id)
            made.append(await app.chat.send(user, prompt("Third")))

        second = Chat(app, user, await app.chat.send(user, prompt("Second")))
        await second.until("complete")
        centrifugo.meanwhile = replaced
        opened = await app.chat.open(user, None, "trip", 10)
        assert opened.conversation == made[0].conversation != second.id
        await Chat(app, user, opened).until("complete")
