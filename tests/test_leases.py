"""Leases and checkpoints as one process writes them, on both databases."""

import asyncio
import random
import uuid

import sqlalchemy as sa

from proxy_server.chunks import Position, TextPart
from proxy_server.leases import Assignment, Checkpoint, Leases
from proxy_server.migrate import migrate
from proxy_server.store import Store, generations
from testbed.deployment import Deployment


async def test_renewals_and_checkpoints_of_the_same_answers_do_not_deadlock(
    serverless: Deployment,
) -> None:
    store = Store(serverless.server_settings["DATABASE_URL"])
    await migrate(store)
    leases = Leases(store, str(uuid.uuid4()), seconds=60)
    start = Position(0, "")
    assignments = [
        Assignment(str(uuid.uuid4()), str(uuid.uuid4()), "anna", "test", 2, 0, 0, [], start)
        for _ in range(200)
    ]
    messages = [assignment.message for assignment in assignments]

    async def renew() -> None:
        for _ in range(20):
            assert len(await leases.renew(messages)) == len(messages)

    async def checkpoint() -> None:
        shuffled = random.Random(1).sample(messages, len(messages))
        for seq in range(20):
            await leases.checkpoint(
                [Checkpoint(message, seq, [TextPart("x" * 500)], start) for message in shuffled]
            )

    try:
        await store.write(
            lambda connection: [
                leases.enter(connection, assignment, queued=False) for assignment in assignments
            ]
        )
        await asyncio.gather(renew(), checkpoint())
    finally:
        gone = sa.delete(generations).where(generations.c.message.in_(messages))
        await store.write(lambda connection: connection.execute(gone))
        await store.close()
