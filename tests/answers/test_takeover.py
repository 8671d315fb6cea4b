"""A takeover from an owner that goes on without its database, with a distant Centrifugo."""

import asyncio
import sqlite3
import uuid
from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sa
from structlog.testing import capture_logs

from proxy_server.access.channels import Channels
from proxy_server.access.signatures import Signer
from proxy_server.answers.growing_message import GrowingMessage
from proxy_server.answers.takeover import Takeover
from proxy_server.delivery.announcements import Announcements
from proxy_server.delivery.publisher import Publisher
from proxy_server.delivery.server_api import History, Publish, Published
from proxy_server.protocol.chunks import Abort, Start
from proxy_server.protocol.encoding import encode
from proxy_server.protocol.events import Text
from proxy_server.protocol.messages import Message, Metadata, Part, TextPart, decode_parts
from proxy_server.protocol.publications import ChunksPublication, idempotency_key, published_chunks
from proxy_server.protocol.sessions import BEGINNING, Position
from proxy_server.protocol.turns import Assignment
from proxy_server.store import messages
from proxy_server.store.admissions import Limits
from proxy_server.store.database import Store
from proxy_server.store.generations import Leases
from proxy_server.store.migrate import migrate
from proxy_server.store.schema import messages as table
from proxy_server.store.turns import Turns
from proxy_server.testing import InMemoryCentrifugo
from testbed.waiting import until

LATENCY = 0.02
PACE = 0.04


class FarCentrifugo(InMemoryCentrifugo):
    """Centrifugo behind a slow network."""

    def __init__(self) -> None:
        super().__init__()
        self.published: list[bytes] = []
        self.listen(lambda publication: self.published.append(publication.data))

    async def publish(self, batch: Sequence[Publish]) -> list[Published]:
        await asyncio.sleep(LATENCY)
        return await super().publish(batch)

    async def history(
        self, channel: str, since: Position | None = None, limit: int = -1
    ) -> History:
        found = await super().history(channel, since, limit)
        await asyncio.sleep(LATENCY)
        return found


class ForgetfulCentrifugo(FarCentrifugo):
    """One that restarts without its history on demand."""

    async def history(
        self, channel: str, since: Position | None = None, limit: int = -1
    ) -> History:
        found = await super().history(channel, since, limit)
        self.restart()
        return found


async def owner(publisher: Publisher, channels: Channels, assignment: Assignment) -> None:
    """Publishes piece after piece, whoever holds the lease."""
    transcript, seq = GrowingMessage(), 0
    metadata = Metadata(0, "streaming", "test")
    while True:
        seq += 1
        chunks = transcript.add([Text(f" {seq}")])
        start = [Start(assignment.message_id, metadata)] if seq == 1 else []
        data = encode(ChunksPublication(assignment.message_id, seq, [*start, *chunks]))
        key = idempotency_key(assignment.message_id, seq)
        channel = channels.of_conversation(assignment.conversation_id)
        await publisher.post(channel, data, key, urgent=True)
        await asyncio.sleep(PACE)


async def begin(store: Store, leases: Leases) -> Assignment:
    message = Message(str(uuid.uuid4()), "assistant", [], Metadata(0, "streaming"))
    assignment = Assignment(
        conversation_id=str(uuid.uuid4()),
        message_id=message.id,
        user="anna",
        model="test",
        ordinal=2,
        created_at=0,
        position=BEGINNING,
    )

    def work(connection: sa.Connection) -> None:
        messages.insert(connection, "anna", assignment.conversation_id, 2, message, 1)
        leases.insert(connection, assignment, queued=False)

    await store.write(work)
    return assignment


async def stored(store: Store, assignment: Assignment) -> list[Part]:
    statement = sa.select(table.c.parts).where(table.c.id == assignment.message_id)
    return decode_parts(
        await store.read(lambda connection: connection.execute(statement).scalar_one())
    )


def until_the_end(published: Sequence[bytes]) -> list[Part]:
    """What a client shows: nothing after the closing piece."""
    shown = GrowingMessage()
    for data in published:
        publication = published_chunks(data)
        assert publication is not None
        shown.replay(publication.chunks)
        if isinstance(publication.chunks[-1], Abort):
            return shown.parts()
    raise AssertionError("nothing closes the message")


async def test_the_end_wins_and_what_came_before_it_is_kept(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/conversations.db")
    await migrate(store)
    leases = Leases(store, "heir", seconds=60)
    turns = Turns(store, leases, Limits(1, 1))
    channels = Channels("ai", Signer(["a secret of this test"]))
    for _ in range(10):
        centrifugo = FarCentrifugo()
        dying, living = Publisher(centrifugo), Publisher(centrifugo)
        assignment = await begin(store, leases)
        going_on = asyncio.create_task(owner(dying, channels, assignment))
        await asyncio.sleep(5 * PACE)

        takeover = Takeover(centrifugo, Announcements(living, channels), turns, leases, channels)
        finished = await takeover.close(assignment, go_on=False)

        await asyncio.sleep(5 * PACE)
        going_on.cancel()
        assert finished is not None
        assert await stored(store, assignment) == until_the_end(centrifugo.published)
        await dying.close()
        await living.close()
    await store.close()


async def test_a_history_that_goes_meanwhile_takes_nothing_with_it(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/conversations.db")
    await migrate(store)
    leases = Leases(store, "heir", seconds=60)
    turns = Turns(store, leases, Limits(1, 1))
    channels = Channels("ai", Signer(["a secret of this test"]))
    centrifugo = ForgetfulCentrifugo()
    publisher = Publisher(centrifugo)
    assignment = await begin(store, leases)
    dead = asyncio.create_task(owner(publisher, channels, assignment))
    while len(centrifugo.published) < 3:
        await asyncio.sleep(PACE)
    dead.cancel()
    await asyncio.sleep(PACE)
    seen = len(centrifugo.published)

    takeover = Takeover(centrifugo, Announcements(publisher, channels), turns, leases, channels)
    await takeover.close(assignment, go_on=False)

    text = "".join(f" {number}" for number in range(1, seen + 1))
    assert await stored(store, assignment) == [TextPart(text)]
    await publisher.close()
    await store.close()


async def test_an_end_is_published_when_it_can_be_stored(tmp_path: Path) -> None:
    file = tmp_path / "conversations.db"
    store = Store(f"sqlite:///{file}")
    await migrate(store)
    leases = Leases(store, "heir", seconds=60)
    turns = Turns(store, leases, Limits(1, 1))
    channels = Channels("ai", Signer(["a secret of this test"]))
    centrifugo = FarCentrifugo()
    publisher = Publisher(centrifugo)
    assignment = await begin(store, leases)
    takeover = Takeover(centrifugo, Announcements(publisher, channels), turns, leases, channels)

    outage = sqlite3.connect(file, isolation_level=None)
    outage.execute("BEGIN EXCLUSIVE")
    with capture_logs() as logged:
        closing = asyncio.create_task(takeover.close(assignment, go_on=False))

        async def noticed() -> bool:
            return any(line["event"] == "end_not_stored_yet" for line in logged)

        await until(noticed)
    assert centrifugo.published == []
    outage.execute("ROLLBACK")
    outage.close()
    assert await closing is not None
    assert until_the_end(centrifugo.published) == await stored(store, assignment) == []
    await publisher.close()
    await store.close()


async def test_who_has_lost_the_lease_publishes_no_end(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/conversations.db")
    await migrate(store)
    leases, heirs = Leases(store, "heir", seconds=60), Leases(store, "second heir", seconds=60)
    turns = Turns(store, leases, Limits(1, 1))
    channels = Channels("ai", Signer(["a secret of this test"]))
    centrifugo = FarCentrifugo()
    publisher = Publisher(centrifugo)
    assignment = await begin(store, heirs)
    takeover = Takeover(centrifugo, Announcements(publisher, channels), turns, leases, channels)
    assert await takeover.close(assignment, go_on=False) is None
    assert centrifugo.published == []
    await publisher.close()
    await store.close()
