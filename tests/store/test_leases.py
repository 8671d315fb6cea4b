"""Leases and checkpoints as one process writes them, on both databases."""

import asyncio
import random
import uuid
from collections.abc import Iterable

import sqlalchemy as sa

from proxy_server.protocol.messages import (
    Message,
    Metadata,
    TextPart,
    decode_metadata,
    decode_parts,
)
from proxy_server.protocol.sessions import BEGINNING
from proxy_server.protocol.turns import Assignment, Checkpoint, Turn
from proxy_server.store.admissions import Limits
from proxy_server.store.database import Store
from proxy_server.store.generations import Leases
from proxy_server.store.messages import insert
from proxy_server.store.schema import TAKEN_OVER, conversations, generations, messages, now
from proxy_server.store.turns import Turns
from testbed.deployment import Deployment
from tests.turns import new_turn


def new_assignment(conversation: str | None = None, user: str = "anna") -> Assignment:
    return Assignment(
        conversation_id=conversation or str(uuid.uuid4()),
        message_id=str(uuid.uuid4()),
        user=user,
        model="test",
        ordinal=2,
        created_at=0,
        position=BEGINNING,
    )


async def remove(store: Store, messages: Iterable[str]) -> None:
    """Removes the generations of these answers."""
    gone = sa.delete(generations).where(generations.c.message.in_(messages))
    await store.write(lambda connection: connection.execute(gone))


async def test_renewals_and_checkpoints_of_the_same_answers_do_not_deadlock(
    store: Store,
) -> None:
    leases = Leases(store, str(uuid.uuid4()), seconds=60)
    assignments = [new_assignment() for _ in range(200)]
    messages = [assignment.message_id for assignment in assignments]

    def begin(connection: sa.Connection) -> None:
        for assignment in assignments:
            leases.insert(connection, assignment, queued=False)

    async def renew() -> None:
        for _ in range(20):
            assert len(await leases.renew(messages)) == len(messages)

    async def checkpoint() -> None:
        shuffled = random.Random(1).sample(messages, len(messages))
        for seq in range(20):
            await leases.checkpoint(
                [Checkpoint(message, seq, [TextPart("x" * 500)], BEGINNING) for message in shuffled]
            )

    try:
        await store.write(begin)
        await asyncio.gather(renew(), checkpoint())
    finally:
        await remove(store, messages)


async def test_a_stop_reaches_a_queued_answer_that_begins_in_this_moment(
    infrastructure: Deployment, store: Store
) -> None:
    user, conversation = str(uuid.uuid4()), str(uuid.uuid4())
    leases = Leases(store, str(uuid.uuid4()), seconds=60)
    turns = Turns(store, leases, Limits(10, 10))
    assignment = new_assignment(conversation, user)
    slow = sa.text("SELECT pg_sleep(1)" if infrastructure.postgresql else "SELECT 1")

    def queue(connection: sa.Connection) -> None:
        values = {"id": conversation, "owner": user, "title": "", "status": "queued"}
        connection.execute(sa.insert(conversations).values(updated_at=now()), values)
        leases.insert(connection, assignment, queued=True)

    def begin(connection: sa.Connection) -> None:
        connection.execute(
            sa.update(generations)
            .where(generations.c.message == assignment.message_id)
            .values(status="streaming", runner="another")
        )
        connection.execute(slow)

    def forget(connection: sa.Connection) -> None:
        connection.execute(sa.delete(generations).where(generations.c.conversation == conversation))
        connection.execute(sa.delete(conversations).where(conversations.c.id == conversation))

    try:
        await store.write(queue)
        beginning = asyncio.create_task(store.write(begin))
        await asyncio.sleep(0.3)
        stopped = await turns.stop(user, conversation, None)
        await beginning
        assert (stopped.running, stopped.cancelled) == ([assignment.message_id], [])
    finally:
        await store.write(forget)


async def test_all_answers_of_a_server_that_died_are_taken_at_the_second_look(
    store: Store,
) -> None:
    dead = Leases(store, str(uuid.uuid4()), seconds=-1)
    living = Leases(store, str(uuid.uuid4()), seconds=60)
    assignments = [new_assignment() for _ in range(300)]
    messages = {assignment.message_id for assignment in assignments}

    def begin(connection: sa.Connection) -> None:
        for assignment in assignments:
            dead.insert(connection, assignment, queued=False)

    try:
        await store.write(begin)
        assert await living.take_over(200) == []
        taken = [await living.take_over(200) for _ in range(2)]
        assert [len(some) for some in taken] == [200, 100]
        assert {assignment.message_id for some in taken for assignment in some} == messages
    finally:
        await remove(store, messages)


async def test_an_answer_that_was_taken_over_is_neither_asked_to_stop_nor_unknown(
    store: Store,
) -> None:
    user, conversation = str(uuid.uuid4()), str(uuid.uuid4())
    leases = Leases(store, str(uuid.uuid4()), seconds=60)
    turns = Turns(store, leases, Limits(10, 10))
    stop = sa.select(generations.c.stop).where(generations.c.conversation == conversation)

    def turn(text: str, *, is_new: bool) -> Turn:
        return new_turn(
            user,
            conversation_id=conversation,
            is_new=is_new,
            parts=[TextPart(text)],
            when_busy="interrupt",
        )

    def take_over(connection: sa.Connection) -> None:
        of_it = sa.update(generations).where(generations.c.conversation == conversation)
        connection.execute(of_it.values(stop=TAKEN_OVER))

    try:
        await turns.accept(turn("first", is_new=True))
        assert len(await leases.unknown([])) == 1
        await store.write(take_over)
        assert await leases.unknown([]) == []
        accepted = await turns.accept(turn("second", is_new=False))
        assert accepted.status == "queued"
        assert accepted.stopped.running == []
        stops = await store.read(lambda connection: connection.execute(stop).scalars().all())
        assert sorted(stops, key=str) == [None, TAKEN_OVER]
    finally:
        await turns.delete(user, conversation)


async def test_an_older_checkpoint_that_comes_later_changes_nothing(
    store: Store,
) -> None:
    leases = Leases(store, str(uuid.uuid4()), seconds=60)
    assignment = new_assignment()
    answer = Message(assignment.message_id, "assistant", [], Metadata(0, "streaming"))
    g, m = generations.c, messages.c
    stored = (
        sa.select(g.seq, g.parts, m.metadata)
        .join(messages, (m.owner == g.owner) & (m.id == g.message))
        .where(g.message == assignment.message_id)
    )

    def begin(connection: sa.Connection) -> None:
        insert(connection, assignment.user, assignment.conversation_id, 2, answer, 1)
        leases.insert(connection, assignment, queued=False)

    def end(connection: sa.Connection) -> None:
        connection.execute(sa.delete(generations).where(g.message == assignment.message_id))
        connection.execute(sa.delete(messages).where(m.id == assignment.message_id))

    def checkpoint(seq: int, text: str) -> Checkpoint:
        given = Metadata(0, "streaming", error=text)
        return Checkpoint(assignment.message_id, seq, [TextPart(text)], BEGINNING, given)

    try:
        await store.write(begin)
        await leases.checkpoint([checkpoint(2, "newer")])
        await leases.checkpoint([checkpoint(1, "older")])
        row = await store.read(lambda connection: connection.execute(stored).one())
        assert row.seq == 2
        assert decode_parts(row.parts) == [TextPart("newer")]
        assert decode_metadata(row.metadata).error == "newer"
    finally:
        await store.write(end)
