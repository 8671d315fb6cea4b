"""Answers that wait for a decision: they rest, are decided, go on, or are closed.

A waiting row of generations has no runner. It is the conversation's last message, and nothing is
queued behind it: a new prompt closes it.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal, NamedTuple

import msgspec
import sqlalchemy as sa
import structlog

from proxy_server.errors import NotFound
from proxy_server.protocol.chunks import Chunk, MessageMetadata
from proxy_server.protocol.closing import step_entry
from proxy_server.protocol.encoding import encode
from proxy_server.protocol.messages import Metadata, Part, Status, decode_parts
from proxy_server.protocol.sessions import Summary
from proxy_server.protocol.turns import Assignment, Continued, Decided, Finished, OutboxEntry
from proxy_server.protocol.waiting import (
    Decision,
    chunk_of,
    decided,
    decode_decisions,
    encode_decisions,
    open_calls,
)
from proxy_server.store import conversations, ends, messages, outbox, unreadable
from proxy_server.store.admissions import Limits, admit
from proxy_server.store.assignments import assignment_of
from proxy_server.store.database import Store
from proxy_server.store.generations import GRANT, Leases, check_idle
from proxy_server.store.schema import generations, now
from proxy_server.store.unreadable import UNREADABLE

_g = generations.c
_THIS = _g.message == sa.bindparam("of_message")
_OF_CONVERSATION = _g.conversation == sa.bindparam("of_conversation")
_WAITS = _g.status == sa.literal_column("'waiting'")
_FIND = sa.select(generations).where(_THIS, _OF_CONVERSATION)
_QUEUED = sa.select(sa.func.count()).where(_OF_CONVERSATION, _g.status == "queued")
_CHANGES: dict[str, Any] = {"seq": sa.bindparam("new_seq"), "parts": sa.bindparam("new_parts")}
# An answer that is asked to stop at this moment is closed at the next look.
_REST = (
    sa.update(generations)
    .where(_THIS, _g.runner == sa.bindparam("of_runner"))
    .values(
        **_CHANGES,
        status="waiting",
        runner=None,
        decisions=None,
        lease=now()
        + sa.case((_g.stop.is_(None), sa.bindparam("seconds", type_=sa.Double)), else_=0.0),
    )
)
_DECIDE = (
    sa.update(generations)
    .where(_THIS, _WAITS)
    .values(**_CHANGES, decisions=sa.bindparam("new_decisions"))
    .returning(generations)
)
_GO_ON = _DECIDE.values(
    GRANT
    | {
        "stop": None,
        "triggered_by": "continue",
        "data": sa.func.coalesce(sa.bindparam("new_data", type_=sa.Text), _g.data),
        "meta": sa.bindparam("new_meta", type_=sa.Text),
        "position_offset": sa.bindparam("offset"),
        "position_epoch": sa.bindparam("epoch"),
    }
)
_queued = generations.alias()
# A server of the previous version may have queued an answer behind a waiting one.
_OVERDUE = (
    sa.select(_g.message, _g.conversation, _g.owner, _g.lease)
    .where(_WAITS, _g.lease < sa.select(now()).scalar_subquery())
    .limit(sa.bindparam("most", type_=sa.Integer))
)
_HOLDS_UP = (
    sa.select(_g.message, _g.conversation, _g.owner, _g.lease)
    .join(_queued, _queued.c.conversation == _g.conversation)
    .where(_WAITS, _queued.c.status == sa.literal_column("'queued'"))
    .limit(sa.bindparam("most", type_=sa.Integer))
)


log = structlog.get_logger()


class Rested(NamedTuple):
    """Whether an answer waits now.

    how: `lost` if the lease was lost, `followed` if a prompt is queued behind it; in both cases
        nothing was stored.
    """

    how: Literal["rests", "lost", "followed"]
    summary: Summary | None = None


class Closed(NamedTuple):
    """A waiting answer that expired: its closing publication, and the next answer."""

    assignment: Assignment
    closing: OutboxEntry
    status: Status
    finished: Finished


class Waiting:
    """The waiting answers.

    seconds: how long they wait.
    """

    def __init__(self, store: Store, leases: Leases, limits: Limits, seconds: float) -> None:
        self._store = store
        self._leases = leases
        self._limits = limits
        self._seconds = seconds

    async def rest(
        self, assignment: Assignment, parts: Sequence[Part], metadata: Metadata, entry: OutboxEntry
    ) -> Rested:
        """Stores that an answer of this process waits; `entry` publishes that."""

        def work(connection: sa.Connection) -> Rested:
            where = {"of_conversation": assignment.conversation_id}
            if connection.execute(_QUEUED, where).scalar():
                return Rested("followed")
            changes = {
                "of_message": assignment.message_id,
                "of_runner": self._leases.runner,
                "seconds": self._seconds,
            } | _state(entry.version, parts)
            if not connection.execute(_REST, changes).rowcount:
                return Rested("lost")
            # stored metadata keeps "streaming"; the row of generations says that it waits
            kept = msgspec.structs.replace(metadata, status="streaming")
            messages.store(connection, assignment.user, assignment.message_id, [], kept)
            outbox.insert(connection, entry)
            summary = conversations.set_status(connection, assignment.conversation_id, "waiting")
            return Rested("rests", summary)

        return await self._store.write(work, assignment.user)

    async def decide(self, wanted: Decided) -> Continued:
        """Stores decisions; with the last missing one, the answer goes on in this process.

        Earlier decisions stay as they were. Raises Forbidden, NotFound, Malformed, Busy and
        LimitReached; nothing is stored then.
        """
        return await self._store.write(
            lambda connection: self._decide(connection, wanted), wanted.user
        )

    async def settled(self, wanted: Decided) -> Continued | None:
        """The result of a repeated decision; None if any part of it is new."""

        def work(connection: sa.Connection) -> Continued | None:
            ordinal, row = _found(connection, wanted)
            return None if row and _new(row, wanted) else _as_is(connection, wanted, ordinal)

        return await self._store.read(work)

    def _decide(self, connection: sa.Connection, wanted: Decided) -> Continued:
        ordinal, row = _found(connection, wanted)
        new = _new(row, wanted) if row else []
        if row is None or not new:
            return _as_is(connection, wanted, ordinal)
        chunks: list[Chunk] = [chunk_of(decision) for decision in new]
        parts = ends.after(decode_parts(row.parts), chunks)
        changes = {
            "of_message": wanted.message_id,
            "new_decisions": encode_decisions([*decode_decisions(row.decisions), *new]),
        } | _state(row.seq + 1, parts)
        if open_calls(parts):
            connection.execute(_DECIDE, changes)
            entry = step_entry(wanted.conversation_id, wanted.message_id, row.seq + 1, chunks)
            outbox.insert(connection, entry)
            return replace(_as_is(connection, wanted, ordinal), entry=entry)
        admit(connection, wanted.user, self._limits)
        changes |= self._leases.granted | {
            "new_data": wanted.data,
            "new_meta": wanted.meta,
            "offset": wanted.since.offset,
            "epoch": wanted.since.epoch,
        }
        begun = connection.execute(_GO_ON, changes).one()
        assignment = assignment_of(connection, begun)
        chunks.append(MessageMetadata(assignment.metadata("streaming")))
        entry = step_entry(wanted.conversation_id, wanted.message_id, row.seq + 1, chunks)
        outbox.insert(connection, entry)
        summary = conversations.take_up(connection, wanted.conversation_id)
        seen = _as_is(connection, wanted, ordinal)
        return replace(seen, entry=entry, summary=summary, assignment=assignment)

    async def close_overdue(self, most: int) -> list[Closed]:
        """Closes answers whose wait has expired, and takes those queued behind them."""

        def look(connection: sa.Connection) -> list[sa.Row[Any]]:
            late = [*connection.execute(_OVERDUE, {"most": most})]
            return late or [*connection.execute(_HOLDS_UP, {"most": most})]

        closed = []
        for row in await self._store.read(look):
            try:
                end = await self._store.write(partial(self._close_one, found=row), row.owner)
            except UNREADABLE:
                log.exception(
                    "answer_unreadable", conversation=row.conversation, message=row.message
                )
                await self._store.write(partial(_put_down, found=row), row.owner)
                continue
            if end is not None:
                closed.append(end)
        return closed

    def _close_one(self, connection: sa.Connection, found: sa.Row[Any]) -> Closed | None:
        where = {"of_message": found.message, "of_conversation": found.conversation}
        row = connection.execute(_FIND, where).first()
        if row is None or row.lease != found.lease:
            return None
        assignment = assignment_of(connection, row)
        why = ends.BY_TIME if row.stop is None else ends.BY_STOP
        closing = ends.cancel(connection, row, why)
        if closing is None:
            return None
        following = self._leases.claim(connection, row.conversation)
        summary = conversations.set_status(
            connection, row.conversation, "streaming" if following else why.status
        )
        return Closed(assignment, closing, why.status, Finished(following, summary))


def _put_down(connection: sa.Connection, found: sa.Row[Any]) -> None:
    where = {"of_message": found.message, "of_conversation": found.conversation}
    row = connection.execute(_FIND, where).first()
    if row is not None and row.lease == found.lease:
        unreadable.close(connection, row)


def _found(connection: sa.Connection, wanted: Decided) -> tuple[int, sa.Row[Any] | None]:
    """The answer's ordinal, and its row if it is not closed. Raises Forbidden and NotFound."""
    conversations.check_owned(connection, wanted.user, wanted.conversation_id)
    place = messages.find(connection, wanted.user, wanted.message_id)
    if (
        place is None
        or place.role != "assistant"
        or place.conversation_id != wanted.conversation_id
    ):
        raise NotFound("There is no such answer in this conversation.")
    where = {"of_message": wanted.message_id, "of_conversation": wanted.conversation_id}
    return place.ordinal, connection.execute(_FIND, where).first()


def _new(row: sa.Row[Any], wanted: Decided) -> list[Decision]:
    """The decisions that are new. Raises NotFound, Malformed and Busy."""
    new: list[Decision] | None
    try:
        new = decided(decode_parts(row.parts), wanted.approvals, wanted.outputs)
    except NotFound:
        if row.status == "waiting":
            raise
        # its checkpoint may be older than its question
        new = None
    if row.status != "waiting" and new != []:
        check_idle([row])
    return new or []


def _as_is(connection: sa.Connection, wanted: Decided, ordinal: int) -> Continued:
    return Continued(
        messages.shown(connection, wanted.user, wanted.conversation_id, ordinal, ordinal)
    )


def _state(seq: int, parts: Sequence[Part]) -> dict[str, Any]:
    return {"new_seq": seq, "new_parts": encode(parts).decode()}
