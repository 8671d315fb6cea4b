"""A large conversation goes in portions: no reader sees half, and a crash leaves nothing behind."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
import sqlalchemy as sa

from proxy_server.errors import Forbidden
from proxy_server.protocol.files import Piece, url_of
from proxy_server.protocol.messages import FilePart, Message, Metadata, Part, TextPart
from proxy_server.store import conversations, deletion, messages, search, uploads
from proxy_server.store.admissions import Limits
from proxy_server.store.database import Store
from proxy_server.store.generations import Leases
from proxy_server.store.hidden import hide
from proxy_server.store.query import Query
from proxy_server.store.retention import remove_old
from proxy_server.store.schema import conversations as conversations_table
from proxy_server.store.schema import generations, hidden_messages, outbox, searched, upload_uses
from proxy_server.store.schema import messages as messages_table
from proxy_server.store.schema import uploads as uploads_table
from proxy_server.store.turns import Turns
from proxy_server.store.uploads import UploadLimits
from tests.turns import new_turn

SHOWN, HIDDEN = deletion.PORTION + 30, deletion.PORTION + 50
TABLES = (conversations_table, messages_table, hidden_messages, searched, upload_uses)


@dataclass
class Large:
    """A conversation of two portions in view and two out of it; its last messages name files."""

    store: Store

    def __post_init__(self) -> None:
        self.user = str(uuid.uuid4())
        self.turns = Turns(self.store, Leases(self.store, "test", 60), Limits(100, 1000))
        self.turn = new_turn(self.user, key="trip", parts=[TextPart("needle")], title="needle")
        self.id = self.turn.conversation_id

    async def begin(self) -> None:
        await self.turns.accept(self.turn)
        files = [await self._upload() for _ in range(2)]
        end = 2 + SHOWN + HIDDEN

        def more(connection: sa.Connection) -> None:
            connection.execute(sa.delete(generations).where(generations.c.conversation == self.id))
            for ordinal in range(3, end + 1):
                self._insert(connection, ordinal, files if ordinal in (SHOWN, end) else ())
            hide(connection, self.id, SHOWN + 1)

        await self.store.write(more, self.user)

    async def _upload(self) -> str:
        name = str(uuid.uuid4())
        piece = Piece(name, 1, 1, b"content", "text/plain", None, 7)
        await uploads.put(self.store, self.user, piece, UploadLimits(100_000, 100_000))
        return url_of(name)

    def _insert(self, connection: sa.Connection, ordinal: int, files: Sequence[str]) -> None:
        parts: list[Part] = [TextPart("needle")]
        parts += (FilePart("text/plain", url) for url in files)
        message = Message(str(uuid.uuid4()), "user", parts, Metadata(1.0))
        messages.insert(connection, self.user, self.id, ordinal, message, 1)
        search.add(connection, self.user, self.id, ordinal, message)

    async def age(self, days: float) -> None:
        c = conversations_table.c
        old = sa.update(conversations_table).where(c.id == self.id)
        old = old.values(updated_at=c.updated_at - days * 86_400)
        await self.store.write(lambda connection: connection.execute(old))

    async def rows(self) -> dict[str, int]:
        def count(connection: sa.Connection) -> dict[str, int]:
            found = {}
            for table in TABLES:
                mine = (
                    table.c.id == self.id
                    if table is conversations_table
                    else table.c.owner == self.user
                )
                statement = sa.select(sa.func.count()).select_from(table).where(mine)
                found[table.name] = connection.execute(statement).scalar_one()
            return found

        return await self.store.read(count)

    async def is_seen(self) -> bool:
        """Whether anything of it is, in any way; an exception where that is not clear."""
        listed, _ = await conversations.listed(self.store, self.user, 10, None)
        words = Query("needle").for_index(self.user)
        found = await self.store.read(
            lambda connection: search.find(connection, self.user, words, search.BEYOND_ALL, 1_000)
        )
        seen = {
            bool(listed),
            any(Query("needle").find(one.text) for one in found),
            await self.store.read(
                lambda connection: conversations.id_of_key(connection, self.user, "trip")
            )
            is not None,
            await self._opens(),
        }
        [seen_everywhere] = seen
        return seen_everywhere

    async def _opens(self) -> bool:
        try:
            await messages.view(self.store, self.user, self.id, 10)
        except Forbidden:
            return False
        return True


@pytest.fixture
async def large(store: Store) -> Large:
    made = Large(store)
    await made.begin()
    return made


async def swept(large: Large) -> None:
    """As by servers of which each dies after one portion."""
    before = await large.rows()
    while before["conversations"]:
        assert await deletion.sweep(large.store)
        assert not await large.is_seen()
        after = await large.rows()
        gone = sum(before[name] - after[name] for name in ("messages", "hidden_messages"))
        assert gone <= deletion.PORTION
        before = after
    assert not any((await large.rows()).values())


async def due(large: Large) -> list[bool]:
    statement = sa.select(uploads_table.c.due).where(uploads_table.c.owner == large.user)
    rows = await large.store.read(lambda connection: connection.execute(statement).scalars().all())
    return [row is not None for row in rows]


async def test_its_owner_deletes_it(large: Large) -> None:
    assert await large.is_seen()
    assert await due(large) == [False, False]
    before = await large.rows()
    assert before["messages"] + before["hidden_messages"] == SHOWN + HIDDEN + 2
    assert await large.turns.delete(large.user, large.id) == []
    after = await large.rows()
    assert before["messages"] - after["messages"] == deletion.PORTION
    assert before["hidden_messages"] == after["hidden_messages"]
    assert not await large.is_seen()
    # asked once more after a lost reply
    assert await large.turns.delete(large.user, large.id) == []
    assert await large.rows() == after
    # the name of it is free again
    again = new_turn(large.user, key="trip", title="x")
    accepted = await large.turns.accept(again)
    assert accepted.conversation_id == again.conversation_id != large.id
    await large.turns.delete(large.user, again.conversation_id)
    await swept(large)
    assert await due(large) == [True, True]


async def test_retention_deletes_it_once(large: Large) -> None:
    await large.age(31)
    cursor = large.id[:-1]
    removed = []
    for _ in range(2):
        step = await remove_old(
            large.store, cursor, days=30, visitors_days=7, most=1, most_messages=9
        )
        removed += [entry.conversation_id for entry in step.removed]
    assert removed.count(large.id) == 1
    assert (await large.rows())["messages"] == SHOWN - deletion.PORTION
    assert not await large.is_seen()
    await swept(large)
    mine = sa.select(outbox.c.owner).where(outbox.c.conversation == large.id)
    told = await large.store.read(lambda connection: connection.execute(mine).scalars().all())
    assert told == [large.user]


async def test_a_title_that_comes_late_brings_nothing_back(large: Large) -> None:
    await large.turns.delete(large.user, large.id)
    assert await large.turns.entitle(large.id, "", "needle") is None
    with pytest.raises(Forbidden):
        await large.turns.rename(large.user, large.id, "needle")
    assert not await large.is_seen()
    await swept(large)
