"""Conversations are removed at their age limit, but not while they are being answered."""

import asyncio
import uuid
from collections.abc import Callable
from typing import Any, TypeVar

import sqlalchemy as sa

from proxy_server.protocol.turns import Turn
from proxy_server.store import messages
from proxy_server.store.admissions import Limits
from proxy_server.store.database import Store
from proxy_server.store.generations import Leases
from proxy_server.store.hidden import hide
from proxy_server.store.retention import remove_old
from proxy_server.store.schema import conversations, generations, hidden_messages, outbox
from proxy_server.store.turns import Turns
from testbed.deployment import Deployment
from tests.turns import new_turn

DAY = 86_400
_T = TypeVar("_T")


class Aged:
    """Conversations that began some days ago, each with one prompt."""

    def __init__(self, store: Store, prefix: str) -> None:
        self.store = store
        self.prefix = prefix
        self.turns = Turns(store, Leases(store, "test", 60), Limits(100, 1000))

    def turn(self, conversation: str, user: str, *, is_new: bool) -> Turn:
        return new_turn(user, conversation_id=conversation, is_new=is_new)

    async def begin(self, name: str, user: str, days: float, *, is_open: bool = False) -> str:
        conversation = f"{self.prefix}-{name}"
        await self.turns.accept(self.turn(conversation, user, is_new=True))

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

        await self.store.write(age)
        return conversation


class Slow(Store):
    """Delays its commits."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.written = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    async def write(self, work: Callable[[sa.Connection], _T], *given: Any, **more: Any) -> _T:
        def slowly(connection: sa.Connection) -> _T:
            result = work(connection)
            self._loop.call_soon_threadsafe(self.written.set)
            if connection.dialect.name == "postgresql":
                connection.execute(sa.text("SELECT pg_sleep(0.5)"))
            return result

        return await super().write(slowly, *given, **more)


async def test_the_old_ones_go_by_steps_and_open_ones_stay(store: Store) -> None:
    prefix = f"c-{uuid.uuid4().hex}"
    aged = Aged(store, prefix)

    async def begun(name: str, user: str, days: float, *, is_open: bool = False) -> str:
        conversation = await aged.begin(name, user, days, is_open=is_open)
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
            step = await remove_old(
                store, cursor, days=30, visitors_days=7, most=2, most_messages=100
            )
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
            await aged.turns.delete(user, conversation)


async def test_a_prompt_that_comes_in_this_moment_keeps_its_conversation(
    infrastructure: Deployment, store: Store
) -> None:
    slow = Slow(infrastructure.server_settings["DATABASE_URL"])
    prefix, user = f"c-{uuid.uuid4().hex}", str(uuid.uuid4())
    aged, asking = Aged(store, prefix), Aged(slow, prefix)
    old = await aged.begin("a", user, 31)
    try:
        prompt = asking.turn(old, user, is_new=False)
        accepting = asyncio.create_task(asking.turns.accept(prompt))
        await slow.written.wait()
        step = await remove_old(store, prefix, days=30, visitors_days=7, most=1, most_messages=9)
        await accepting
        assert step.removed == []
        found = await messages.view(store, user, old, 10)
        assert [message.id for message in found.messages][-2:] == [
            prompt.message_id,
            prompt.answer_id,
        ]
    finally:
        await aged.turns.delete(user, old)
        await slow.close()


async def test_a_step_ends_with_so_many_messages(store: Store) -> None:
    prefix, user = f"c-{uuid.uuid4().hex}", str(uuid.uuid4())
    aged = Aged(store, prefix)
    old = [await aged.begin(name, user, 31) for name in "abcd"]
    try:
        step = await remove_old(store, prefix, days=30, visitors_days=7, most=9, most_messages=3)
        assert [entry.conversation_id for entry in step.removed] == old[:2]
        assert step.cursor == old[1]
        step = await remove_old(
            store, step.cursor, days=30, visitors_days=7, most=2, most_messages=9
        )
        assert [entry.conversation_id for entry in step.removed] == old[2:]
        assert step.cursor == old[3]
    finally:
        for conversation in old:
            await aged.turns.delete(user, conversation)
