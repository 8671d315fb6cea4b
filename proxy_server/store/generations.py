"""The table of generations: who makes which answer, with leases and checkpoints.

A row is an answer that is queued, waiting or being made; its runner holds a lease on it. Every
statement that writes for an assignment names the runner, so a runner that lost its lease writes
nothing any more.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from proxy_server.errors import BeingClosed, Busy
from proxy_server.protocol.sessions import Position
from proxy_server.protocol.turns import Assignment, Checkpoint
from proxy_server.store import admissions
from proxy_server.store import checkpoints as stored
from proxy_server.store.checkpoints import HELD
from proxy_server.store.database import Store
from proxy_server.store.schema import TAKEN_OVER, generations, now
from proxy_server.store.unreadable import readable

GRANT = {
    "status": "streaming",
    "runner": sa.bindparam("new_runner"),
    "lease": now() + sa.bindparam("seconds", type_=sa.Double),
}
"""The columns that assign a generation to a runner."""
_QUEUE = sa.insert(generations).values(status="queued")
_BEGIN = sa.insert(generations).values(GRANT)
_UNFINISHED = (
    sa.select(generations)
    .where(generations.c.conversation == sa.bindparam("of_conversation"))
    .order_by(generations.c.ordinal)
)
_FIRST = (
    sa.select(generations.c.message)
    .where(generations.c.conversation == sa.bindparam("of_conversation"))
    .order_by(generations.c.ordinal)
    .limit(1)
    .scalar_subquery()
)
_CLAIM = (
    sa.update(generations)
    .where(generations.c.message == _FIRST, generations.c.status == "queued")
    .values(GRANT)
    .returning(*generations.c)
)
_CLAIM_AT = _CLAIM.values(
    position_offset=sa.bindparam("offset"), position_epoch=sa.bindparam("epoch")
)
_END = sa.delete(generations).where(HELD)
_THIS = generations.c.message == sa.bindparam("of_message")
_STOPPING = sa.select(generations.c.message).where(
    generations.c.message.in_(sa.bindparam("of_messages", expanding=True)),
    generations.c.stop == "stopped",
)
NOT_TAKEN_OVER = sa.or_(generations.c.stop.is_(None), generations.c.stop != TAKEN_OVER)
_ASK_TO_STOP = sa.update(generations).where(_THIS, NOT_TAKEN_OVER).values(stop="stopped")
_GIVE_BACK = sa.update(generations).where(HELD).values(status="queued", runner=None, lease=None)
_SILENT = sa.and_(generations.c.status == "streaming", generations.c.lease < now())
# Every server runs these each second. The time is a subquery: with a function or a parameter in its
# place, PostgreSQL would read the clock for each row and use no index.
_LOOK = (
    sa.select(generations.c.message, generations.c.lease)
    .where(
        generations.c.status == "streaming",
        generations.c.lease < sa.select(now()).scalar_subquery(),
    )
    .order_by(generations.c.lease, generations.c.message)
)
_others = generations.alias()
_ORPHANS = (
    sa.select(generations.c.conversation)
    .where(
        generations.c.status == sa.literal_column("'queued'"),
        ~sa.exists().where(
            _others.c.conversation == generations.c.conversation,
            _others.c.ordinal < generations.c.ordinal,
        ),
    )
    .limit(sa.bindparam("most", type_=sa.Integer))
)


def unfinished(connection: sa.Connection, conversation_id: str) -> Sequence[sa.Row[Any]]:
    """The conversation's generations, in the order in which they are made."""
    return connection.execute(_UNFINISHED, {"of_conversation": conversation_id}).all()


def check_idle(rows: Sequence[sa.Row[Any]]) -> None:
    """Raises Busy if there are generations; BeingClosed, a kind of Busy, if only for a moment."""
    if rows:
        raise BeingClosed if rows[0].stop == TAKEN_OVER else Busy


def ask_to_stop(connection: sa.Connection, message_id: str) -> None:
    """Stores a stop request; the runner reads it when it next renews its lease."""
    connection.execute(_ASK_TO_STOP, {"of_message": message_id})


def remove_all(connection: sa.Connection, conversation_id: str) -> list[str]:
    """Removes all generations of a conversation; returns the ids of their messages."""
    ended = connection.execute(
        sa.delete(generations)
        .where(generations.c.conversation == conversation_id)
        .returning(generations.c.message)
    )
    return list(ended.scalars())


class Leases:
    """The assignments of one runner."""

    def __init__(self, store: Store, runner: str, seconds: float) -> None:
        self._store = store
        self.runner = runner
        self.seconds = seconds
        self.granted = {"new_runner": runner, "seconds": seconds}
        # the leases that had expired at the last look, by message
        self._silent: dict[str, float] = {}

    def insert(self, connection: sa.Connection, assignment: Assignment, *, queued: bool) -> None:
        """Part of a transaction: queues the answer, or assigns it to this runner."""
        values = {
            "message": assignment.message_id,
            "conversation": assignment.conversation_id,
            "ordinal": assignment.ordinal,
            "owner": assignment.user,
            "model": assignment.model,
            "created_at": assignment.created_at,
            "position_offset": assignment.position.offset,
            "position_epoch": assignment.position.epoch,
            "data": assignment.data,
            "meta": assignment.meta,
            "triggered_by": assignment.trigger,
        }
        if queued:
            connection.execute(_QUEUE, values)
        else:
            connection.execute(_BEGIN, values | self.granted)

    def end(self, connection: sa.Connection, message_id: str) -> bool:
        """Part of a transaction: removes the generation; False if the lease was lost."""
        held = {"of_message": message_id, "of_runner": self.runner}
        return bool(connection.execute(_END, held).rowcount)

    def claim(
        self,
        connection: sa.Connection,
        conversation_id: str,
        position: Position | None = None,
    ) -> Assignment | None:
        """Takes the first queued answer of a conversation in which none is being made.

        If that answer cannot be read, it is closed; the next look finds the one behind it.
        position: where clients can follow the answer from, if later than where it was queued.
        """
        claimed = {"of_conversation": conversation_id} | self.granted
        claim = _CLAIM
        if position is not None:
            claim = _CLAIM_AT
            claimed |= {"offset": position.offset, "epoch": position.epoch}
        row = connection.execute(claim, claimed).first()
        return readable(connection, row, was_queued=True) if row else None

    async def renew(self, held: Sequence[str]) -> dict[str, str | None]:
        """Renews the leases of these messages; returns those still held, with any stop request.

        It does not renew every lease in this runner's name: the lease of an answer whose generation
        crashed must expire.
        """

        # Locks rows in the order that checkpoints use, to avoid a deadlock in PostgreSQL.
        ours = (
            sa.select(generations.c.message)
            .where(generations.c.message.in_(held), generations.c.runner == self.runner)
            .order_by(generations.c.message)
            .with_for_update()
        )

        def work(connection: sa.Connection) -> dict[str, str | None]:
            rows = connection.execute(
                sa.update(generations)
                .where(generations.c.message.in_(ours))
                .values(lease=now() + self.seconds)
                .returning(generations.c.message, generations.c.stop)
            )
            return {row.message: row.stop for row in rows}

        return await self._store.write(work, reserved=True)

    async def unknown(self, known: Sequence[str]) -> list[Assignment]:
        """This runner's answers that are not among those: begun by a COMMIT whose reply was lost.

        Reads all generations, so call it only after such a loss.
        """
        statement = sa.select(generations).where(
            generations.c.runner == self.runner,
            generations.c.message.not_in(known),
            NOT_TAKEN_OVER,
        )

        def work(connection: sa.Connection) -> list[Assignment]:
            rows = connection.execute(statement).all()
            found = [readable(connection, row, was_queued=True) for row in rows]
            return [assignment for assignment in found if assignment is not None]

        return await self._store.write(work)

    async def checkpoint(self, checkpoints: Sequence[Checkpoint]) -> None:
        await self._store.write(
            lambda connection: stored.store(connection, self.runner, checkpoints), reserved=True
        )

    async def give_back(self, message_id: str) -> None:
        """Puts an answer that has not begun back in the queue; any replica can start it."""
        held = {"of_message": message_id, "of_runner": self.runner}
        await self._store.write(lambda connection: connection.execute(_GIVE_BACK, held))

    async def take_over(self, limit: int) -> list[Assignment]:
        """Takes over answers whose runner was silent at the last look and still is.

        One look is not enough: while the database hangs, all leases expire, and a look that was
        waiting may run before the owners' renewals.
        """
        # all of them, whatever the limit: the next look must know those not taken now
        rows = await self._store.read(lambda connection: connection.execute(_LOOK).all())
        seen, self._silent = self._silent, {row.message: row.lease for row in rows}
        silent = [message for message, lease in self._silent.items() if seen.get(message) == lease]
        chosen = silent[:limit]
        if not chosen:
            return []

        def work(connection: sa.Connection) -> list[Assignment]:
            # The condition is repeated here: if two replicas choose the same row, the one that had
            # to wait must find that the row is no longer silent.
            stopping = connection.execute(_STOPPING, {"of_messages": chosen}).scalars().all()
            rows = connection.execute(
                sa.update(generations)
                .where(generations.c.message.in_(chosen), _SILENT)
                .values(GRANT | {"stop": TAKEN_OVER})
                .returning(*generations.c),
                self.granted,
            ).all()
            taken = [readable(connection, row) for row in rows]
            return [
                replace(assignment, stopping=assignment.message_id in stopping)
                for assignment in taken
                if assignment is not None
            ]

        return await self._store.write(work)

    async def start_orphans(self, limit: int) -> list[Assignment]:
        """Takes queued answers whose predecessor ended without starting them."""

        def work(connection: sa.Connection) -> list[Assignment]:
            found = connection.execute(_ORPHANS, {"most": limit}).scalars().all()
            claimed = [self.claim(connection, conversation) for conversation in found]
            admissions.forget(connection)
            return [assignment for assignment in claimed if assignment is not None]

        try:
            return await self._store.write(work)
        except IntegrityError:
            # Another replica started one of them at this moment; the next look is soon.
            return []
