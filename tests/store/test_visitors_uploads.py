"""However many visitors one person becomes: their files have one limit together."""

import uuid

import pytest
import sqlalchemy as sa

from proxy_server.errors import LimitReached, TooLarge
from proxy_server.protocol.files import Piece
from proxy_server.store import uploads, visitors_uploads
from proxy_server.store.database import Store
from proxy_server.store.schema import uploads as table
from proxy_server.store.uploads import LEAST_COUNTED, UploadLimits
from proxy_server.store.visitors_uploads import VisitorsRoom

LIMITS = UploadLimits(one=100_000, all=1_000_000)
SIZE = 40_000
LEAST = 5_000
"""Of a piece that is not the last."""


class Visits:
    """Visitors who come to a room of so many bytes, beside what others have left there."""

    def __init__(self, store: Store, room: VisitorsRoom) -> None:
        self.store = store
        self.room = room
        self.now = 0.0

    @classmethod
    async def begin(cls, store: Store, most: int) -> "Visits":
        left = await store.read(
            lambda connection: connection.execute(visitors_uploads._STORED).scalar_one()
        )
        visits = cls(store, VisitorsRoom(store, left + most, lambda: visits.now))
        return visits

    async def upload(self, size: int, user: str = "") -> str:
        """The beginning of a file: it counts as declared."""
        user = user or f"visitor-{uuid.uuid4()}"
        parts = -(-size // LEAST)
        piece = Piece("file", 1, parts, b"x" * min(size, LEAST), "text/plain", None, size)
        await uploads.put(self.store, user, piece, LIMITS, self.room)
        return user


async def test_it_ends_with_the_room_and_begins_with_it(store: Store) -> None:
    visits = await Visits.begin(store, 2 * SIZE)
    first = await visits.upload(SIZE)
    await visits.upload(SIZE - LEAST_COUNTED)
    with pytest.raises(LimitReached, match="room for more files of visitors"):
        await visits.upload(LEAST_COUNTED + 1)
    # a small one counts as more than its bytes
    await visits.upload(1)
    with pytest.raises(LimitReached):
        await visits.upload(1)
    # what is there is there
    await visits.upload(SIZE, first)
    gone = sa.update(table).where(table.c.owner == first).values(due=1.0)
    await store.write(lambda connection: connection.execute(gone))
    with pytest.raises(LimitReached):
        await visits.upload(SIZE)
    visits.now += 5
    await visits.upload(SIZE)


async def test_what_is_refused_takes_no_room(store: Store) -> None:
    visits = await Visits.begin(store, 3 * SIZE)
    for _ in range(3):
        with pytest.raises(TooLarge):
            await visits.upload(LIMITS.one + 1)
    await visits.upload(SIZE)
    await visits.upload(SIZE)


async def test_another_servers_count_with_the_next_look(store: Store) -> None:
    one = await Visits.begin(store, 2 * SIZE)
    other = Visits(store, one.room)
    other.room = VisitorsRoom(store, one.room._most, lambda: one.now)
    await one.upload(SIZE)
    await other.upload(SIZE)
    one.now += 5
    for visits in (one, other):
        with pytest.raises(LimitReached):
            await visits.upload(1)


async def test_the_count_reads_the_index_alone(store: Store) -> None:
    """A look at all files of all users would take as long as there are many."""

    def plan(connection: sa.Connection) -> str:
        statement = visitors_uploads._STORED.compile(
            connection, compile_kwargs={"literal_binds": True}
        )
        explain = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
        if connection.dialect.name == "postgresql":
            connection.execute(sa.text("SET LOCAL enable_seqscan = off"))
        text = str(statement).replace("%%", "%")
        return str(connection.exec_driver_sql(f"{explain} {text}").all())

    assert "uploads_of_visitors" in await store.read(plan)
