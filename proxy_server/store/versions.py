"""Versions of messages: editing a prompt, regenerating an answer, choosing a version.

What leaves the view is hidden, not deleted. While an answer is being made in a conversation, its
versions do not change.
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
    """The place of a new prompt.

    after: the id that its publications name as the message before it.
    versions: the ids of all its versions, if there are several.
    removed: the ids of the messages that it moved out of view.
    """

    ordinal: int
    after: str | None
    versions: list[str] | None
    removed: list[str]


class Chosen(NamedTuple):
    """The conversation with another version in view, and the publication of that."""

    summary: Summary
    entry: OutboxEntry


class Versions:
    """The versions of all users' messages."""

    def __init__(self, store: Store, leases: Leases, limits: Limits) -> None:
        self._store = store
        self._leases = leases
        self._limits = limits

    async def regenerate(self, wanted: Regeneration) -> Accepted:
        """Hides an answer and all after it, and stores a new, empty one in its place.

        The same answer id again returns the first result. Raises Forbidden, NotFound, Busy,
        Malformed and LimitReached; nothing is changed then.
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
            # another user's answer took the id at this moment; the second try sees it
            return await self._store.write(work, user)

    async def choose(self, user: str, conversation_id: str, message_id: str) -> Chosen | None:
        """Brings a version into view, with the newest messages after it; None if it is in view.

        Raises Forbidden, NotFound and Busy; nothing is changed then.
        """

        def work(connection: sa.Connection) -> Chosen | None:
            conversations.check_owned(connection, user, conversation_id)
            # also while an answer waits: looking at another version decides nothing
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
    """The place of a turn's prompt: at the end, or where the prompt is that it replaces.

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
    """The result of a repeated call: `count` messages, or none if they left the view."""
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
        raise Malformed("This id belongs to another message. Choose another one.")
    return repeated(connection, user, answer, 1)


def _answer(
    connection: sa.Connection, conversation_id: str, message_id: str | None
) -> tuple[int, str | None]:
    """The ordinal and model of an answer: given by its id, by its prompt's id, or the last.

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
    """The ordinal of a prompt, or of another version of it. Raises NotFound."""
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
    """Raises NotFound if the message before a hidden one is not in view."""
    before = hidden.id_at(connection, conversation_id, ordinal - 1)
    if (before or hidden.FIRST) != parent:
        raise NotFound("The message before this one is not in view. Choose that one first.")


def _leave(connection: sa.Connection, conversation_id: str, ordinal: int) -> list[str]:
    """Moves all messages from `first` on out of the view; returns their ids."""
    left = hidden.hide(connection, conversation_id, ordinal)
    # a late closing publication would bring one of them back
    outbox.remove(connection, conversation_id, left)
    return left
