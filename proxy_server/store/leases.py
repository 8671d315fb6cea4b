"""Who makes which answer: assignments, their leases and their checkpoints, as statements and rows.

A row of `generations` is an answer that is queued or being made; its runner holds a lease on it.
Every statement that writes for an assignment names the runner, so one that lost its lease writes
nothing any more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from proxy_server.protocol.encoding import encode
from proxy_server.protocol.messages import Message, Metadata, Part, decode_parts
from proxy_server.protocol.sessions import Position, Summary
from proxy_server.store.database import Store, admissions, generations, now
from proxy_server.store.outbox import LastPublication, keep
from proxy_server.store.rows import Opening, position_of, set_status, store_message, untold

_MINUTE = 60.0
_GRANT = {
    "status": "streaming",
    "runner": sa.bindparam("new_runner"),
    "lease": now() + sa.bindparam("seconds", type_=sa.Double),
}
"""The columns that give a generation to a runner."""
_QUEUE = sa.insert(generations).values(status="queued")
_BEGIN = sa.insert(generations).values(_GRANT)
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
    .values(_GRANT)
    .returning(*generations.c)
)
_CLAIM_AT = _CLAIM.values(
    position_offset=sa.bindparam("offset"), position_epoch=sa.bindparam("epoch")
)
_HELD = sa.and_(
    generations.c.message == sa.bindparam("of_message"),
    generations.c.runner == sa.bindparam("of_runner"),
)
_END = sa.delete(generations).where(_HELD).returning(generations.c.removed)
_CHECKPOINT = (
    sa.update(generations)
    .where(_HELD)
    .values(
        seq=sa.bindparam("new_seq"),
        parts=sa.bindparam("new_parts"),
        position_offset=sa.bindparam("offset"),
        position_epoch=sa.bindparam("epoch"),
    )
)
_SILENT = sa.and_(generations.c.status == "streaming", generations.c.lease < now())
# In these three, which every server runs each second, PostgreSQL is given a value to compare with,
# and not a clock that moves or a parameter: only then it asks the clock once and uses an index.
_LOOK = sa.select(generations.c.message, generations.c.lease).where(
    generations.c.status == "streaming",
    generations.c.lease < sa.select(now()).scalar_subquery(),
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
_FORGET_ADMISSIONS = sa.delete(admissions).where(
    admissions.c.at < sa.select(now() - _MINUTE).scalar_subquery()
)


@dataclass(frozen=True, slots=True)
class Assignment:
    """One answer to make or to end, with its checkpoint: `parts` are those up to `seq`.

    `was_queued` tells that its position is older than other answers of the conversation, and
    `prompt` is there where it is all that the conversation holds before the answer. `opening` is
    there where another server may have left it untold.
    """

    conversation: str
    message: str
    owner: str
    model: str
    ordinal: int
    created_at: float
    seq: int
    parts: list[Part]
    position: Position
    was_queued: bool = False
    prompt: Message | None = None
    opening: Opening | None = None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    message: str
    seq: int
    parts: list[Part]
    position: Position


@dataclass(frozen=True, slots=True)
class Finished:
    """An answer's end as stored: the queued one to start now, and the conversation as it stands.

    `summary` is None where the conversation was deleted meanwhile.
    """

    next: Assignment | None
    summary: Summary | None


class Leases:
    """The assignments of one runner."""

    def __init__(self, store: Store, runner: str, seconds: float) -> None:
        self._store = store
        self._runner = runner
        self.seconds = seconds
        self._granted = {"new_runner": runner, "seconds": seconds}
        # the leases that had run out at the last look, by message
        self._silent: dict[str, float] = {}

    def enter(
        self,
        connection: sa.Connection,
        assignment: Assignment,
        *,
        queued: bool,
        removed: Sequence[str] = (),
    ) -> None:
        """Part of a transaction: the answer is queued, or this runner's from now on.

        removed: the messages that it replaces.
        """
        values = {
            "message": assignment.message,
            "conversation": assignment.conversation,
            "ordinal": assignment.ordinal,
            "owner": assignment.owner,
            "model": assignment.model,
            "created_at": assignment.created_at,
            "position_offset": assignment.position.offset,
            "position_epoch": assignment.position.epoch,
            "removed": encode(removed).decode() if removed else None,
        }
        if queued:
            connection.execute(_QUEUE, values)
        else:
            connection.execute(_BEGIN, values | self._granted)

    async def renew(self, held: Sequence[str]) -> dict[str, str | None]:
        """Renews the leases of these messages; gives those still ours with why to stop, if so.

        Not all leases under this runner's name: one that nobody here works on, because its
        generation crashed or the reply to its transaction was lost, is to run out.
        """

        # In the order of checkpoints: PostgreSQL would end one of two transactions that lock the
        # same rows each in an order of its own.
        ours = (
            sa.select(generations.c.message)
            .where(generations.c.message.in_(held), generations.c.runner == self._runner)
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

        return await self._store.write(work)

    async def checkpoint(self, checkpoints: Sequence[Checkpoint]) -> None:
        rows = [
            {
                "of_message": checkpoint.message,
                "of_runner": self._runner,
                "new_seq": checkpoint.seq,
                "new_parts": encode(checkpoint.parts).decode(),
                "offset": checkpoint.position.offset,
                "epoch": checkpoint.position.epoch,
            }
            for checkpoint in sorted(checkpoints, key=lambda checkpoint: checkpoint.message)
        ]
        await self._store.write(lambda connection: connection.execute(_CHECKPOINT, rows))

    async def finish(
        self,
        assignment: Assignment,
        parts: Sequence[Part],
        metadata: Metadata,
        last: LastPublication | None,
        *,
        go_on: bool,
        position: Position | None = None,
    ) -> Finished | None:
        """Stores an answer's end, and with `go_on` takes the next queued one of the conversation.

        last: the publication that is to tell of it, if that has not been done.
        position: where that one can be followed from, if later than where it was queued.
        None, and nothing stored, where the lease was lost.
        """

        def work(connection: sa.Connection) -> Finished | None:
            held = {"of_message": assignment.message, "of_runner": self._runner}
            ended = connection.execute(_END, held).first()
            if ended is None:
                return None
            store_message(connection, assignment.owner, assignment.message, parts, metadata)
            if last is not None:
                keep(connection, last, ended.removed)
            following = (
                self._claim(connection, assignment.conversation, position) if go_on else None
            )
            status = "streaming" if following else metadata.status or "complete"
            summary = set_status(connection, assignment.conversation, status)
            return Finished(following, summary)

        return await self._store.write(work, assignment.owner)

    async def give_back(self, message: str) -> None:
        """Makes an answer that has not begun a queued one, so that any replica starts it."""
        statement = (
            sa.update(generations)
            .where(generations.c.message == message, generations.c.runner == self._runner)
            .values(status="queued", runner=None, lease=None)
        )
        await self._store.write(lambda connection: connection.execute(statement))

    async def take_over(self, limit: int) -> list[Assignment]:
        """Takes answers whose runner was silent at the last look and has been since.

        One look is not enough: while the database hangs all leases run out, and a look that
        waited in it may come before the owners' renewals.
        """
        # all of them, whatever the limit: what is left over now must be known at the next look
        rows = await self._store.read(lambda connection: connection.execute(_LOOK).all())
        seen, self._silent = self._silent, {row.message: row.lease for row in rows}
        silent = [message for message, lease in self._silent.items() if seen.get(message) == lease]
        chosen = silent[:limit]
        if not chosen:
            return []

        def work(connection: sa.Connection) -> list[Assignment]:
            # The condition stands here too: of two replicas that chose the same row, the one
            # that waited for it must find that it is not silent any more.
            rows = connection.execute(
                sa.update(generations)
                .where(generations.c.message.in_(chosen), _SILENT)
                .values(_GRANT)
                .returning(*generations.c),
                self._granted,
            )
            taken = rows.all()
            openings = untold(connection, taken)
            return [_assignment(row, openings.get(row.message)) for row in taken]

        return await self._store.write(work)

    async def start_orphans(self, limit: int) -> list[Assignment]:
        """Takes queued answers whose predecessor ended without starting them."""

        def work(connection: sa.Connection) -> list[Assignment]:
            found = connection.execute(_ORPHANS, {"most": limit}).scalars().all()
            claimed = [self._claim(connection, conversation) for conversation in found]
            connection.execute(_FORGET_ADMISSIONS)
            return [assignment for assignment in claimed if assignment is not None]

        try:
            return await self._store.write(work)
        except IntegrityError:
            # Another replica started one of them in this very moment; the next look is soon.
            return []

    def _claim(
        self, connection: sa.Connection, conversation: str, position: Position | None = None
    ) -> Assignment | None:
        """Takes the first queued answer of a conversation in which none is being made."""
        claimed = {"of_conversation": conversation} | self._granted
        claim = _CLAIM
        if position is not None:
            claim = _CLAIM_AT
            claimed |= {"offset": position.offset, "epoch": position.epoch}
        row = connection.execute(claim, claimed).first()
        if row is None:
            return None
        opening = untold(connection, [row]).get(row.message)
        return _assignment(row, opening, was_queued=True)


def _assignment(
    row: sa.Row[Any], opening: Opening | None, *, was_queued: bool = False
) -> Assignment:
    return Assignment(
        conversation=row.conversation,
        message=row.message,
        owner=row.owner,
        model=row.model,
        ordinal=row.ordinal,
        created_at=row.created_at,
        seq=row.seq,
        parts=decode_parts(row.parts),
        position=position_of(row),
        was_queued=was_queued,
        opening=opening,
    )
