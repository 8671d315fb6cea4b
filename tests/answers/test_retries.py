"""What is retried, and what a client is told about an answer that was taken over."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from proxy_server import App, Settings
from proxy_server.answers.retries import until_it_succeeds
from proxy_server.chat import NewPrompt
from proxy_server.errors import Busy, StoreUnavailable
from proxy_server.protocol.events import Event
from proxy_server.protocol.messages import Metadata, TextPart
from proxy_server.protocol.sessions import Session
from proxy_server.responders.responder import Prompt
from proxy_server.store import messages
from proxy_server.store.schema import TAKEN_OVER, generations
from proxy_server.testing import InMemoryCentrifugo


async def test_it_is_tried_until_it_succeeds_and_reported_once() -> None:
    tries = iter([False, False, False, True])
    told: list[Exception] = []

    async def work() -> str:
        if next(tries):
            return "done"
        raise StoreUnavailable("away")

    assert await until_it_succeeds(work, StoreUnavailable, told.append) == "done"
    assert [str(error) for error in told] == ["away"]


async def test_another_error_is_not_tried_again() -> None:
    async def work() -> None:
        raise KeyError

    with pytest.raises(KeyError):
        await until_it_succeeds(work, StoreUnavailable)


class Silent:
    """A responder that never yields anything."""

    @asynccontextmanager
    async def answer(self, prompt: Prompt) -> AsyncIterator[AsyncIterator[Sequence[Event]]]:
        del prompt
        yield self._nothing()

    async def close(self) -> None:
        """Holds nothing."""

    async def _nothing(self) -> AsyncIterator[Sequence[Event]]:
        await asyncio.Event().wait()
        yield []


@asynccontextmanager
async def taken_over(folder: Path) -> AsyncIterator[tuple[App, Session]]:
    """An answer that another server has taken over, and whose end it has not stored."""
    given = {
        "signing_secrets": "a secret of this test",
        "database_url": f"sqlite:///{folder}/test.db",
    }
    settings = Settings.model_validate(given)
    async with App(settings, responder=Silent(), centrifugo=InMemoryCentrifugo()) as app:
        session = await app.chat.send("anna", NewPrompt([TextPart("Hi")]))
        lost = sa.update(generations).values(runner="heir", lease=1e12, stop=TAKEN_OVER)
        await app.store.write(lambda connection: connection.execute(lost))
        yield app, session


async def test_who_heard_of_the_end_is_answered_when_it_is_stored(tmp_path: Path) -> None:
    async with taken_over(tmp_path) as (app, session):
        conversation, message_id = session.conversation, session.messages[-1].id
        opening = asyncio.create_task(app.chat.open("anna", conversation, None, 10))
        anew = asyncio.create_task(app.chat.regenerate("anna", conversation, message_id))
        assert not await app.chat.stop("anna", conversation), "there is nothing to stop any more"
        await asyncio.sleep(0.1)
        assert not opening.done()
        assert not anew.done()

        def close(connection: sa.Connection) -> None:
            connection.execute(sa.delete(generations))
            metadata = Metadata(0, "interrupted")
            messages.store(connection, "anna", message_id, [TextPart("So")], metadata)

        await app.store.write(close)
        opened = await opening
        assert opened.generation is None or opened.messages[-1].id != message_id
        assert (await anew).messages[-1].metadata.status == "streaming"


async def test_who_asks_is_not_kept_for_long(tmp_path: Path) -> None:
    async with taken_over(tmp_path) as (app, session):
        opened = await app.chat.open("anna", session.conversation, None, 10)
        assert opened.messages[-1].metadata.status == "streaming"
        with pytest.raises(Busy):
            await app.chat.regenerate("anna", session.conversation)
