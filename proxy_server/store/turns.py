"""Transactions over several tables: a turn is accepted, stopped, ended or deleted.

What belongs together is one transaction. Transactions that count or check run one at a time for
each user.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from proxy_server.errors import Forbidden, KeyMoved, Malformed
from proxy_server.protocol.messages import (
    Message,
    Metadata,
    Part,
    Status,
)
from proxy_server.protocol.sessions import GenerationState, Position, Summary
from proxy_server.protocol.turns import (
    Accepted,
    Assignment,
    Finished,
    OutboxEntry,
    Stopped,
    Turn,
    View,
)
from proxy_server.store import (
    conversations,
    deletion,
    ends,
    generations,
    hidden,
    messages,
    outbox,
    search,
    unreadable,
    versions,
)
from proxy_server.store.admissions import Limits, admit
from proxy_server.store.database import Store
from proxy_server.store.generations import Leases
from proxy_server.store.placeholders import insert_answer
from proxy_server.store.schema import TAKEN_OVER
from proxy_server.store.schema import generations as generations_table


class Turns:
    """The turns of all users' conversations."""

    def __init__(self, store: Store, leases: Leases, limits: Limits) -> None:
        self._store = store
        self._leases = leases
        self._limits = limits

    async def accept(self, turn: Turn) -> Accepted:
        """Stores a prompt and its answer, still empty.

        The same message id again returns the first result. Raises Forbidden, NotFound, Busy,
        LimitReached, Malformed and KeyMoved; nothing is stored then.
        """

        def work(connection: sa.Connection) -> Accepted:
            if repeated := _repeated(connection, turn.user, turn.message_id):
                return repeated
            _check_key(connection, turn)
            return self._accept(connection, turn)

        return await self._store.write(work, turn.user)

    def _accept(self, connection: sa.Connection, turn: Turn) -> Accepted:
        if not turn.is_new:
            conversations.check_owned(connection, turn.user, turn.conversation_id)
        unfinished = [] if turn.is_new else generations.unfinished(connection, turn.conversation_id)
        busy = [row for row in unfinished if row.status != "waiting"]
        if turn.when_busy == "reject" or turn.replaces is not None:
            generations.check_idle(busy)
        ending = busy if turn.when_busy == "interrupt" else []
        admit(connection, turn.user, self._limits, ending=len(ending))
        stopped = _stop(connection, ending)
        if turn.replaces is None:
            stopped.cancelled.extend(ends.make_way(connection, unfinished))
        else:
            ends.put_away(connection, unfinished)
        status: Status = "queued" if busy else "streaming"
        summary = _begun(connection, turn, status)
        place = versions.place_of(connection, turn)
        metadata = Metadata(summary.updated_at, versions=place.versions)
        prompt = Message(turn.message_id, "user", turn.parts, metadata)
        messages.insert(
            connection, turn.user, turn.conversation_id, place.ordinal, prompt, summary.version
        )
        search.add(connection, turn.user, turn.conversation_id, place.ordinal, prompt)
        assignment = Assignment(
            conversation_id=turn.conversation_id,
            message_id=turn.answer_id,
            user=turn.user,
            model=turn.model,
            ordinal=place.ordinal + 1,
            created_at=summary.updated_at,
            position=turn.since,
            prompt=prompt,
            after=place.after,
            data=turn.data,
            meta=turn.meta,
            key=summary.key or None,
        )
        placeholder = insert_answer(
            connection, self._leases, assignment, status, made=summary.version
        )
        state = GenerationState(turn.answer_id, 0, "queued" if busy else "streaming")
        view = View(
            summary.title, [prompt, placeholder], state, turn.since, key=summary.key or None
        )
        return Accepted(
            turn.conversation_id,
            view,
            summary,
            assignment,
            status,
            removed=place.removed,
            stopped=stopped,
        )

    async def repeated(self, user: str, message_id: str) -> Accepted | None:
        """The result of an earlier prompt with that id, or None."""
        return await self._store.read(lambda connection: _repeated(connection, user, message_id))

    async def stop(self, user: str, conversation_id: str, message_id: str | None) -> Stopped:
        """Asks the running answer to stop and cancels queued ones; or only one of them."""

        def work(connection: sa.Connection) -> Stopped:
            conversations.check_owned(connection, user, conversation_id)
            rows = generations.unfinished(connection, conversation_id)
            chosen = [
                row
                for row in rows
                if (message_id is None or row.message == message_id) and row.stop != TAKEN_OVER
            ]
            stopped = _stop(connection, chosen)
            if stopped.cancelled and len(chosen) == len(rows) and not stopped.running:
                summary = conversations.set_status(connection, conversation_id, "stopped")
                return replace(stopped, summary=summary)
            return stopped

        return await self._store.write(work, user)

    async def finish(
        self,
        assignment: Assignment,
        parts: Sequence[Part],
        metadata: Metadata,
        closing: OutboxEntry | None,
        *,
        go_on: bool,
        position: Position | None = None,
    ) -> Finished | None:
        """Stores an answer's end; with `go_on`, takes the conversation's next queued answer.

        closing: the closing publication, if it is not published yet.
        position: where clients can follow the next answer from, if later than where it was queued.
        Returns None, and stores nothing, if the lease was lost.
        """

        def work(connection: sa.Connection) -> Finished | None:
            if not self._leases.end(connection, assignment.message_id):
                return None
            messages.store(connection, assignment.user, assignment.message_id, parts, metadata)
            search.add_answer(connection, assignment, parts)
            if closing is not None:
                outbox.insert(connection, closing)
            following = (
                self._leases.claim(connection, assignment.conversation_id, position)
                if go_on
                else None
            )
            status = "streaming" if following else metadata.status or "complete"
            summary = conversations.set_status(connection, assignment.conversation_id, status)
            return Finished(following, summary)

        return await self._store.write(work, assignment.user)

    async def put_down(self, assignment: Assignment) -> Finished | None:
        """Closes an answer of this runner with what is stored, without interpreting it.

        Returns None if the lease was lost.
        """
        row_of = sa.select(generations_table).where(
            generations_table.c.message == assignment.message_id,
            generations_table.c.runner == self._leases.runner,
        )

        def work(connection: sa.Connection) -> Finished | None:
            row = connection.execute(row_of).first()
            return None if row is None else Finished(None, unreadable.close(connection, row))

        return await self._store.write(work, assignment.user)

    async def rename(
        self, user: str, conversation_id: str, title: str
    ) -> tuple[Summary, OutboxEntry]:
        """Renames a conversation. Raises Forbidden."""

        def work(connection: sa.Connection) -> tuple[Summary, OutboxEntry]:
            return _titled(
                connection, conversations.rename(connection, user, conversation_id, title)
            )

        return await self._store.write(work, lasting=True)

    async def entitle(
        self, conversation_id: str, cut: str, new: str
    ) -> tuple[Summary, OutboxEntry] | None:
        """Replaces the title if no user gave it; returns None otherwise."""

        def work(connection: sa.Connection) -> tuple[Summary, OutboxEntry] | None:
            summary = conversations.entitle(connection, conversation_id, cut, new)
            return _titled(connection, summary) if summary is not None else None

        return await self._store.write(work)

    async def delete(self, user: str, conversation_id: str) -> list[str]:
        """Deletes a conversation; returns the answers that were running or queued.

        Their runners find their leases gone, and end without publishing. The outbox publishes the
        deletion. If the conversation is already gone, nothing happens.
        """

        def work(connection: sa.Connection) -> list[str]:
            try:
                conversations.check_owned(connection, user, conversation_id)
            except Forbidden:
                # repeated after a lost reply: the id itself proves the owner
                return []
            ids = generations.remove_all(connection, conversation_id)
            deletion.delete(connection, user, conversation_id)
            return ids

        return await self._store.write(work, user)


def _check_key(connection: sa.Connection, turn: Turn) -> None:
    """Raises KeyMoved if the key names another conversation than the turn does."""
    if turn.key is None:
        return
    known = conversations.id_of_key(connection, turn.user, turn.key)
    if known != (None if turn.is_new else turn.conversation_id):
        raise KeyMoved


def _begun(connection: sa.Connection, turn: Turn, status: Status) -> Summary:
    if turn.is_new:
        begun = conversations.begin(connection, turn, status)
        search.begin(connection, turn.user, begun)
        return begun
    summary = conversations.take_up(connection, turn.conversation_id)
    if summary is None:
        raise Forbidden
    return summary


def _repeated(connection: sa.Connection, user: str, message_id: str) -> Accepted | None:
    prompt = messages.find(connection, user, message_id) or hidden.find(
        connection, user, message_id
    )
    if prompt is None:
        return None
    if prompt.role != "user":
        raise Malformed("This id belongs to an answer. Choose another one.")
    return versions.repeated(connection, user, prompt, 2)


def _stop(connection: sa.Connection, rows: Sequence[sa.Row[Any]]) -> Stopped:
    stopped = Stopped()
    for row in rows:
        if row.stop == TAKEN_OVER:
            # its end may have been published already
            continue
        closing = None if row.status == "streaming" else ends.cancel(connection, row, ends.BY_STOP)
        if closing is not None:
            stopped.cancelled.append(closing)
            continue
        stopped.running.append(row.message)
        generations.ask_to_stop(connection, row.message)
    return stopped


def _titled(connection: sa.Connection, summary: Summary) -> tuple[Summary, OutboxEntry]:
    search.entitle(connection, summary)
    entry = outbox.new_title(summary)
    outbox.replace(connection, entry)
    return summary, entry
