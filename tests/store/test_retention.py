"""Conversations go when their time has come, and not while they are being answered."""

import uuid

import sqlalchemy as sa

from proxy_server.protocol.messages import TextPart
from proxy_server.protocol.sessions import BEGINNING
from proxy_server.protocol.turns import Turn
from proxy_server.store import messages
from proxy_server.store.admissions import Limits
from proxy_server.store.database import Store
from proxy_server.store.generations import Leases
from proxy_server.store.hidden import hide
from proxy_server.store.migrate import migrate
from proxy_server.store.retention import remove_old
from proxy_server.store.schema import conversations, generations, hidden_messages, outbox
from proxy_server.store.turns import Turns
from testbed.deployment import Deployment

DAY = 86_400


async def test_the_old_ones_go_by_steps_and_open_ones_stay(infrastructure: Deployment) -> None:
    store = Store(infrastructure.server_settings["DATABASE_URL"])
    await migrate(store)
    turns = Turns(store, Leases(store, "test", 60), Limits(100, 1000))
    prefix = f"c-{uuid.uuid4().hex}"

    async def begun(name: str, user: str, days: float, *, is_open: bool = False) -> str:
        conversation = f"{prefix}-{name}"
        turn = Turn(
            user=user,
            conversation_id=conversation,
            is_new=True,
            message_id=str(uuid.uuid4()),
            answer_id=str(uuid.uuid4()),
            parts=[TextPart("a")],
            model="test",
            title="",
            when_busy="reject",
            since=BEGINNING,
        )
        await turns.accept(turn)

        def age(connection: sa.Connection) -> None:
            c = conversations.c
            connection.execute(
                sa.update(conversations)
                .where(c.id == conversation)
                .values(updated_at=c.updated_at - days * DAY)
            )
            if not is_open:
                connection.execute(
                    sa.delete(generations).where(generations.c.conversation == conversation)
                )

        await store.write(age)
        await store.write(lambda connection: hide(connection, conversation, 2))
        return conversation

    user, visitor = str(uuid.uuid4()), f"visitor-{uuid.uuid4()}"
    old = await begun("a", user, 31)
    new = await begun("b", user, 29)
    still_open = await begun("c", user, 31, is_open=True)
    of_visitor = await begun("d", visitor, 8)
    try:
        cursor, removed = prefix, []
        for _ in range(20):
            step = await remove_old(store, cursor, days=30, visitors_days=7, most=2)
            removed += [entry.conversation_id for entry in step.removed]
            cursor = step.cursor
            if not cursor or not cursor.startswith(prefix):
                break
        assert set(removed) == {old, of_visitor}
        assert (await messages.view(store, user, new, 10)).messages
        assert (await messages.view(store, user, still_open, 10)).messages
        told = sa.select(outbox.c.conversation).where(outbox.c.conversation.in_(removed))
        found = await store.read(lambda connection: connection.execute(told).scalars().all())
        assert set(found) == set(removed)
        left = sa.select(hidden_messages.c.conversation).where(
            hidden_messages.c.conversation.in_([old, new, still_open, of_visitor])
        )
        kept = await store.read(lambda connection: connection.execute(left).scalars().all())
        assert set(kept) == {new, still_open}
    finally:
        for conversation in (new, still_open):
            await turns.delete(user, conversation)
        await store.close()
