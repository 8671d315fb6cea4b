"""Leases and checkpoints as one process writes them, on both databases."""

import asyncio
import random
import uuid

import sqlalchemy as sa

from proxy_server.protocol.messages import TextPart
from proxy_server.protocol.sessions import BEGINNING
from proxy_server.protocol.turns import Assignment, Checkpoint
from proxy_server.store.admissions import Limits
from proxy_server.store.database import Store
from proxy_server.store.generations import Leases
from proxy_server.store.migrate import migrate
from proxy_server.store.schema import conversations, generations, now
from proxy_server.store.turns import Turns
from testbed.deployment import Deployment


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


async def test_renewals_and_checkpoints_of_the_same_answers_do_not_deadlock(
    infrastructure: Deployment,
) -> None:
    store = Store(infrastructure.server_settings["DATABASE_URL"])
    await migrate(store)
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
        gone = sa.delete(generations).where(generations.c.message.in_(messages))
        await store.write(lambda connection: connection.execute(gone))
        await store.close()


async def test_a_stop_reaches_a_queued_answer_that_begins_in_this_moment(
    infrastructure: Deployment,
) -> None:
    store = Store(infrastructure.server_settings["DATABASE_URL"])
    await migrate(store)
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
        await store.close()


async def test_all_answers_of_a_server_that_died_are_taken_at_the_second_look(
    infrastructure: Deployment,
) -> None:
    store = Store(infrastructure.server_settings["DATABASE_URL"])
    await migrate(store)
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
        gone = sa.delete(generations).where(generations.c.message.in_(messages))
        await store.write(lambda connection: connection.execute(gone))
        await store.close()
