"""Answers of a dead server, of which some cannot be closed like the others."""

from typing import Any

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from proxy_server.answers.takeover import ReadBack
from proxy_server.protocol.encoding import encode
from proxy_server.protocol.messages import TextPart, decode_metadata
from proxy_server.protocol.turns import Assignment, OutboxEntry, Turn
from proxy_server.store.admissions import Limits
from proxy_server.store.database import Store
from proxy_server.store.generations import Leases
from proxy_server.store.schema import generations, messages
from proxy_server.store.turns import Turns
from testbed.waiting import until
from tests.chat.asking import Serve
from tests.turns import new_turn


async def left_behind(store: Store, user: str) -> Turn:
    """A turn whose server has died."""
    turns = Turns(store, Leases(store, "gone", seconds=0.001), Limits(100, 1000))
    turn = new_turn(user, parts=[TextPart("Hi")], when_busy="queue")
    await turns.accept(turn)
    return turn


async def change(store: Store, statement: sa.Update) -> None:
    await store.write(lambda connection: connection.execute(statement))


async def until_closed(store: Store, turn: Turn) -> tuple[str, str | None]:
    """The stored parts and status of an answer at its end."""
    row = (
        sa.select(messages.c.parts, messages.c.metadata)
        .outerjoin(generations, generations.c.message == messages.c.id)
        .where(messages.c.id == turn.answer_id, generations.c.message.is_(None))
    )

    async def closed() -> tuple[str, str] | None:
        found: Any = await store.read(lambda connection: connection.execute(row).first())
        return (found.parts, found.metadata) if found else None

    parts, metadata = await until(closed)
    return parts, decode_metadata(metadata).status


async def test_one_that_cannot_be_closed_as_others_is_closed_in_the_database_alone(
    serve: Serve, store: Store, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    unreadable, unread, failing, sound = [await left_behind(store, user) for _ in range(4)]
    kept = encode([TextPart("so far")]).decode()
    g, m = generations.c, messages.c
    await change(
        store, sa.update(messages).where(m.id == unreadable.message_id).values(parts="{not json")
    )
    await change(
        store, sa.update(generations).where(g.message == unreadable.answer_id).values(parts=kept)
    )
    await change(
        store, sa.update(generations).where(g.message == unread.answer_id).values(parts="{not json")
    )
    await change(
        store, sa.update(generations).where(g.message == failing.answer_id).values(parts=kept)
    )
    closing = ReadBack.closing

    def not_of_one(self: ReadBack) -> OutboxEntry:
        assignment: Assignment = self.assignment
        if assignment.message_id == failing.answer_id:
            raise RecursionError("maximum recursion depth exceeded")
        return closing(self)

    monkeypatch.setattr(ReadBack, "closing", not_of_one)
    with capture_logs() as logs:
        async with serve(lease_seconds=1.5):
            assert await until_closed(store, sound) == ("[]", "interrupted")
            assert await until_closed(store, unreadable) == (kept, "interrupted")
            assert await until_closed(store, unread) == ("[]", "interrupted")
            assert await until_closed(store, failing) == (kept, "interrupted")
    told = [line for line in logs if line["event"] in ("takeover_failed", "answer_unreadable")]
    ids = [turn.answer_id for turn in (unreadable, unread, failing)]
    assert sorted(line["message"] for line in told) == sorted(ids)
    assert all(line["exc_info"] for line in told)


async def test_a_queued_one_that_nobody_can_read_holds_up_no_other(
    serve: Serve, store: Store, user: str
) -> None:
    unreadable, sound = [await left_behind(store, user) for _ in range(2)]
    g = generations.c
    queued = sa.update(generations).where(g.message.in_([unreadable.answer_id, sound.answer_id]))
    await change(store, queued.values(status="queued", runner=None, lease=None))
    poisoned = sa.update(messages).where(messages.c.id == unreadable.message_id)
    await change(store, poisoned.values(parts="{not json"))
    async with serve(lease_seconds=1.5):
        assert (await until_closed(store, sound))[1] == "complete"
        assert (await until_closed(store, unreadable))[1] == "interrupted"


async def test_one_that_waits_and_that_nobody_can_read_holds_up_no_other(
    serve: Serve, store: Store, user: str
) -> None:
    unreadable, sound = [await left_behind(store, user) for _ in range(2)]
    g = generations.c
    waiting = sa.update(generations).where(g.message == unreadable.answer_id)
    await change(store, waiting.values(status="waiting", runner=None, lease=1, parts="{not json"))
    queued = sa.update(generations).where(g.message == sound.answer_id)
    await change(store, queued.values(status="queued", runner=None, lease=None))
    async with serve(lease_seconds=1.5):
        assert (await until_closed(store, sound))[1] == "complete"
        assert (await until_closed(store, unreadable))[1] == "interrupted"
