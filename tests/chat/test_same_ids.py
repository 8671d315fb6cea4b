"""Two users who give their answers the same id."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from proxy_server import App
from proxy_server.errors import Malformed
from proxy_server.protocol.sessions import Session
from proxy_server.store.turns import Turns
from proxy_server.testing import InMemoryCentrifugo
from tests.chat.asking import Chat, Serve


@asynccontextmanager
async def answered(app: App, *users: str) -> AsyncIterator[list[Chat]]:
    """A conversation of each with a complete answer."""
    chats = [await Chat.begin(app, user, "Hi slowly") for user in users]
    for chat in chats:
        await chat.until("complete")
    yield chats


async def anew(chat: Chat, answer: str) -> Session:
    return await chat.app.chat.regenerate(chat.user, chat.id, answer_id=answer)


async def test_an_id_that_anothers_answer_has_is_refused_while_it_has_it(
    serve: Serve, user: str
) -> None:
    answer, other = f"same-{uuid.uuid4()}", str(uuid.uuid4())
    async with (
        serve(responder="tests.chat.shop:shop") as app,
        answered(app, user, other) as (mine, theirs),
    ):
        replies = await asyncio.gather(
            *(anew(chat, answer) for chat in (mine, theirs)), return_exceptions=True
        )
        [refused] = [one for one in replies if isinstance(one, BaseException)]
        assert isinstance(refused, Malformed), refused
        [begun] = [one for one in replies if not isinstance(one, BaseException)]
        whose, left = (mine, theirs) if begun.conversation == mine.id else (theirs, mine)
        whose.answer = answer
        await whose.until("complete")
        # the refusal has changed nothing
        assert (await left.shown()).metadata.status == "complete"


async def test_an_end_that_is_not_delivered_is_kept_from_another_of_its_id(
    serve: Serve, user: str, centrifugo: InMemoryCentrifugo, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, other = f"same-{uuid.uuid4()}", str(uuid.uuid4())
    finish = Turns.finish
    refused: list[BaseException] = []

    async def finished(self: Turns, *given: object, **more: object) -> object:
        ended = await finish(self, *given, **more)  # type: ignore[arg-type]
        try:
            await anew(theirs, answer)
        except Malformed as error:
            refused.append(error)
        return ended

    async with (
        serve(responder="tests.chat.shop:shop") as app,
        answered(app, user, other) as (mine, theirs),
    ):
        monkeypatch.setattr(Turns, "finish", finished)
        await anew(mine, answer)
        mine.answer = answer
        await mine.until("complete")
        await mine.check_published(centrifugo)
    assert len(refused) == 1
