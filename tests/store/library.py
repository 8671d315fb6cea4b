"""Conversations in a database, for searching."""

import uuid
from collections.abc import Sequence
from functools import partial

import sqlalchemy as sa

from proxy_server.protocol.messages import Metadata, Part, TextPart
from proxy_server.protocol.sessions import BEGINNING
from proxy_server.protocol.turns import Regeneration
from proxy_server.store import search
from proxy_server.store.admissions import Limits
from proxy_server.store.database import Store
from proxy_server.store.generations import Leases
from proxy_server.store.query import Query
from proxy_server.store.schema import generations
from proxy_server.store.turns import Turns
from proxy_server.store.versions import Versions
from tests.turns import new_turn


class Library:
    """A user's conversations in a database."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.user = str(uuid.uuid4())
        made = store, Leases(store, "test", 60), Limits(1000, 1000)
        self._turns, self._versions = Turns(*made), Versions(*made)

    async def add(
        self,
        prompt: str,
        answer: Sequence[Part] = (),
        *,
        title: str = "",
        before: str | None = None,
    ) -> str:
        """Adds a prompt with its answer, by default in a new conversation."""
        turn = new_turn(self.user, before, parts=[TextPart(prompt)], title=title)
        accepted = await self._turns.accept(turn)
        assert accepted.assignment is not None
        metadata = Metadata(accepted.assignment.created_at, "complete", "test")
        await self._turns.finish(accepted.assignment, answer, metadata, None, go_on=False)
        return turn.conversation_id

    async def regenerate(self, conversation: str) -> None:
        wanted = Regeneration(
            self.user, conversation, None, str(uuid.uuid4()), ("test",), BEGINNING
        )
        await self._versions.regenerate(wanted)

    async def choose(self, conversation: str, message: str) -> None:
        await self._versions.choose(self.user, conversation, message)

    async def end(self, conversation: str) -> None:
        """Stops and ends what is being made."""

        def ended(connection: sa.Connection) -> None:
            connection.execute(
                sa.delete(generations).where(generations.c.conversation == conversation)
            )

        await self.store.write(ended)

    async def delete(self, conversation: str) -> None:
        await self._turns.delete(self.user, conversation)

    async def rename(self, conversation: str, title: str) -> None:
        await self._turns.rename(self.user, conversation, title)

    async def found(self, text: str, *, user: str = "") -> list[str]:
        """The texts, newest first."""
        query = Query(text)
        user = user or self.user
        find = partial(
            search.find,
            user=user,
            words=query.for_index(user),
            before=search.BEYOND_ALL,
            most=100,
        )
        candidates = await self.store.read(find) if query.words else []
        return [one.text for one in candidates if query.find(one.text) is not None]
