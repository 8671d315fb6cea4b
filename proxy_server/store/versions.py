"""Versions of messages: a prompt is edited, an answer made anew, or another version is chosen.

What leaves the view is hidden, and nothing is thrown away. While anything is being made in a
conversation no version comes or goes.
"""

from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from proxy_server.errors import Forbidden, Malformed, NotFound
from proxy_server.protocol.messages import decode_metadata
from proxy_server.protocol.sessions import GenerationState, Summary
from proxy_server.protocol.turns import (
    FIRST_PROMPT,
    Accepted,
    Assignment,
    OutboxEntry,
    Regeneration,
    Turn,
    View,
)
from proxy_server.store import conversations, ends, generations, hidden, messages, outbox
from proxy_server.store.admissions import Limits, admit
from proxy_server.store.database import Store
from proxy_server.store.generations import Leases
from proxy_server.store.placeholders import check_unused, insert_answer
from proxy_server.store.schema import messages as table


class Place(NamedTuple):
    """Where a new prompt stands.

    after: what its publications name as the message before it.
    versions: the ids of all of which it is one, where there are several.
    removed: those of what it has put out of view.
    """

    ordinal: int
    after: str | None
    versions: list[str] | None
    removed: list[str]


class Chosen(NamedTuple):
    """The conversation as it stands with another version in view, and what publishes that."""

    summary: Summary
    entry: OutboxEntry


class Versions:
    """Of all users' messages."""

    def __init__(self, store: Store, leases: Leases, limits: Limits) -> None:
        self._store = store
        self._leases = leases
        self._limits = limits

    async def regenerate(self, wanted: Regeneration) -> Accepted:
        """Hides an answer and all after it, and stores one to come in its place.

        The same answer id again gives what it gave at first. Raises Forbidden, NotFound, Busy,
        Malformed and LimitReached, with nothing changed.
        """
        user, conversation_id = wanted.user, wanted.conversation_id

        def work(connection: sa.Connection) -> Accepted:
            if repeated := _repeated_answer(connection, user, conversation_id, wanted.answer_id):
                return repeated
            conversations.check_owned(connection, user, conversation_id)
            unfinished = generations.unfinished(connection, conversation_id)
            generations.check_idle([row for row in unfinished if row.status != "waiting"])
            check_unused(connection, wanted.answer_id)
            ordinal, used = _answer(connection, conversation_id, wanted.message_id)
            admit(connection, user, self._limits)
            ends.put_away(connection, unfinished)
            removed = _leave(connection, conversation_id, ordinal)
            summary = conversations.take_up(connection, conversation_id)
            if summary is None:
                raise Forbidden
            prompt, after = messages.leading(connection, conversation_id, ordinal, wanted.answer_id)
            assignment = Assignment(
                conversation_id=conversation_id,
                message_id=wanted.answer_id,
                user=user,
                model=used if used is not None and used in wanted.models else wanted.models[0],
                ordinal=ordinal,
                created_at=summary.updated_at,
                position=wanted.since,
                prompt=prompt,
                after=after,
                data=wanted.data,
                meta=wanted.meta,
                key=summary.key or None,
                trigger="regenerate",
                versions=hidden.versions_with(
                    connection, user, conversation_id, ordinal, wanted.answer_id
                ),
            )
            placeholder = insert_answer(
                connection, self._leases, assignment, "streaming", made=summary.version
            )
            state = GenerationState(wanted.answer_id, 0, "streaming")
            view = View(summary.title, [placeholder], state, wanted.since, key=summary.key or None)
            return Accepted(conversation_id, view, summary, assignment, removed=removed)

        try:
            return await self._store.write(work, user)
        except IntegrityError:
            # another user's answer has taken the id in this moment: now it is seen
            return await self._store.write(work, user)

    async def choose(self, user: str, conversation_id: str, message_id: str) -> Chosen | None:
        """Brings a version into view, with the newest that followed it; None where it is there.

        Raises Forbidden, NotFound and Busy, with nothing changed.
        """

        def work(connection: sa.Connection) -> Chosen | None:
            conversations.check_owned(connection, user, conversation_id)
            # also while one waits: to look at another version decides nothing
            generations.check_idle(generations.unfinished(connection, conversation_id))
            shown = messages.find(connection, user, message_id)
            if shown is not None and shown.conversation_id == conversation_id:
                return None
            chosen = hidden.find(connection, user, message_id)
            if chosen is None or chosen.conversation_id != conversation_id:
                raise NotFound("There is no such message in this conversation.")
            branch = hidden.branch_of(connection, user, message_id)
            _check_joins(connection, conversation_id, branch[0].ordinal, branch[0].parent)
            _leave(connection, conversation_id, branch[0].ordinal)
            hidden.show(connection, user, branch)
            hidden.label(connection, conversation_id, branch[0].ordinal)
            status = hidden.last_status(connection, conversation_id)
            summary = conversations.show_status(connection, conversation_id, status)
            entry = outbox.new_view(summary)
            outbox.replace(connection, entry)
            return Chosen(summary, entry)

        return await self._store.write(work, user)


def place_of(connection: sa.Connection, turn: Turn) -> Place:
    """Where a turn's prompt stands: at the end, or in place of the one that it replaces.

    Raises NotFound.
    """
    if turn.replaces is None:
        if turn.is_new:
            return Place(FIRST_PROMPT, None, None, [])
        last = messages.last(connection, turn.conversation_id)
        return Place(last.ordinal + 1, last.id, None, [])
    ordinal = _ordinal_of_prompt(connection, turn, turn.replaces)
    removed = _leave(connection, turn.conversation_id, ordinal)
    known = hidden.versions_with(
        connection, turn.user, turn.conversation_id, ordinal, turn.message_id
    )
    return Place(ordinal, turn.answer_id, known, removed)


def repeated(
    connection: sa.Connection, user: str, first: messages.Place | hidden.Hidden, count: int
) -> Accepted:
    """What a call gave that is made again: so many messages, or none that have left the view."""
    left = isinstance(first, hidden.Hidden)
    last = first.ordinal - 1 if left else first.ordinal + count - 1
    view = messages.shown(connection, user, first.conversation_id, first.ordinal, last)
    return Accepted(first.conversation_id, view)


def _repeated_answer(
    connection: sa.Connection, user: str, conversation_id: str, answer_id: str
) -> Accepted | None:
    answer = messages.find(connection, user, answer_id) or hidden.find(connection, user, answer_id)
    if answer is None:
        return None
    if answer.role != "assistant" or answer.conversation_id != conversation_id:
        raise Malformed("The field id is that of another message.")
    return repeated(connection, user, answer, 1)


def _answer(
    connection: sa.Connection, conversation_id: str, message_id: str | None
) -> tuple[int, str | None]:
    """The ordinal and the model of the answer of that id, or to the prompt of it, or of the last.

    Raises NotFound.
    """
    statement = sa.select(table.c.ordinal, table.c.metadata).where(
        table.c.conversation == conversation_id, table.c.role == "assistant"
    )
    if message_id is not None:
        named = sa.select(table.c.ordinal, table.c.role).where(
            table.c.conversation == conversation_id, table.c.id == message_id
        )
        if (found := connection.execute(named).first()) is None:
            raise NotFound("There is no such answer in this conversation.")
        answers = found.ordinal + (found.role == "user")
        statement = statement.where(table.c.ordinal == answers)
    row = connection.execute(statement.order_by(table.c.ordinal.desc()).limit(1)).first()
    if row is None:
        raise NotFound("There is no such answer in this conversation.")
    return row.ordinal, decode_metadata(row.metadata).model


def _ordinal_of_prompt(connection: sa.Connection, turn: Turn, prompt_id: str) -> int:
    """Where a prompt stands, or another version of it. Raises NotFound."""
    shown = messages.find(connection, turn.user, prompt_id)
    found = shown or hidden.find(connection, turn.user, prompt_id)
    if found is None or (found.conversation_id, found.role) != (turn.conversation_id, "user"):
        raise NotFound("There is no such prompt in this conversation.")
    if isinstance(found, hidden.Hidden):
        _check_joins(connection, turn.conversation_id, found.ordinal, found.parent)
    return found.ordinal


def _check_joins(
    connection: sa.Connection, conversation_id: str, ordinal: int, parent: str
) -> None:
    """Raises NotFound where what stands before a hidden message is not in view."""
    before = hidden.id_at(connection, conversation_id, ordinal - 1)
    if (before or hidden.FIRST) != parent:
        raise NotFound("What stands before this message is not in view.")


def _leave(connection: sa.Connection, conversation_id: str, ordinal: int) -> list[str]:
    """Takes all from there on out of the view; gives their ids."""
    left = hidden.hide(connection, conversation_id, ordinal)
    # an end that is published late would bring one of them back
    outbox.remove(connection, conversation_id, left)
    return left
