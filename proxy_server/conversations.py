"""What users do to their conversations: turns, messages and lists, as statements and rows.

What must hold together is one transaction; those that count or check run one after another for
each user.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import sqlalchemy as sa

from proxy_server.chunks import (
    GenerationState,
    Message,
    Metadata,
    Part,
    Position,
    Status,
    Summary,
    decode_metadata,
    decode_parts,
    encode,
)
from proxy_server.errors import Busy, Forbidden, LimitReached, Malformed, NotFound
from proxy_server.leases import (
    Assignment,
    Leases,
    message_of,
    position_of,
    set_status,
    store_message,
    summary_of,
)
from proxy_server.store import Store, admissions, conversations, generations, messages, now

WhenBusy = Literal["reject", "queue", "interrupt"]
_MINUTE = 60.0
_HISTORY_CURSOR = re.compile(r"([0-9]{1,9})", re.ASCII)
_LIST_CURSOR = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,12})?)_([A-Za-z0-9_-]{1,200})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Turn:
    """A prompt that was checked as far as that goes without the database.

    `message` is the id its client gave it, `answer` the one of the answer to come.
    """

    user: str
    conversation: str
    is_new: bool
    message: str
    answer: str
    parts: list[Part]
    model: str
    title: str
    when_busy: WhenBusy
    since: Position


@dataclass(frozen=True, slots=True)
class Limits:
    generations_per_user: int
    prompts_per_minute: int


@dataclass(frozen=True, slots=True)
class Stopped:
    """What a stop found: answers that are being made somewhere, and queued ones it has ended."""

    running: list[str] = field(default_factory=list)
    cancelled: list[Message] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class View:
    """Messages, oldest first; the answer being made, and the position of its checkpoint."""

    messages: list[Message]
    generation: GenerationState | None = None
    since: Position | None = None
    next: str | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """A stored turn: what to show, the conversation as it stands, and the answer to start now.

    `repeated` says that this turn had been stored before, and nothing was changed.
    """

    conversation: str
    view: View
    summary: Summary | None = None
    repeated: bool = False
    start: Assignment | None = None
    stopped: Stopped = field(default_factory=Stopped)
    removed: list[str] = field(default_factory=list)


class Conversations:
    """The conversations of all users."""

    def __init__(self, store: Store, leases: Leases, limits: Limits) -> None:
        self._store = store
        self._leases = leases
        self._limits = limits

    async def accept(self, turn: Turn) -> Accepted:
        """Stores a prompt and the answer to come.

        The same message id again gives what it gave at first. Raises Forbidden, Busy and
        LimitReached, with nothing stored.
        """

        def work(connection: sa.Connection) -> Accepted:
            if repeated := _repeated(connection, turn):
                return repeated
            if not turn.is_new:
                _owned(connection, turn.user, turn.conversation)
            self._admit(connection, turn.user)
            in_work = [] if turn.is_new else _in_work(connection, turn.conversation)
            if in_work and turn.when_busy == "reject":
                raise Busy
            stopped = Stopped()
            if in_work and turn.when_busy == "interrupt":
                stopped = _stop(connection, turn.user, in_work)
            return self._store_turn(connection, turn, bool(in_work), stopped)

        return await self._store.write(work, turn.user)

    async def regenerate(
        self, user: str, conversation: str, message: str | None, answer: str, since: Position
    ) -> Accepted:
        """Removes an answer and all after it, and stores one to come in its place.

        Raises Forbidden, NotFound, Busy and LimitReached, with nothing changed.
        """

        def work(connection: sa.Connection) -> Accepted:
            _owned(connection, user, conversation)
            if _in_work(connection, conversation):
                raise Busy
            target = _answer(connection, conversation, message)
            self._admit(connection, user)
            removed = connection.execute(
                sa.delete(messages)
                .where(
                    messages.c.conversation == conversation, messages.c.ordinal >= target.ordinal
                )
                .returning(messages.c.id)
            )
            ids = list(removed.scalars())
            model = decode_metadata(target.metadata).model or ""
            assignment, placeholder = self._store_answer(
                connection, user, conversation, answer, model, target.ordinal, since, queued=False
            )
            return Accepted(
                conversation,
                View([placeholder], GenerationState(answer, 0, "streaming"), since),
                set_status(connection, conversation, "streaming"),
                start=assignment,
                removed=ids,
            )

        return await self._store.write(work, user)

    async def stop(self, user: str, conversation: str, message: str | None) -> Stopped:
        """Asks for the end of the answer being made and cancels queued ones; or one of them."""

        def work(connection: sa.Connection) -> Stopped:
            _owned(connection, user, conversation)
            rows = _in_work(connection, conversation)
            chosen = [row for row in rows if message is None or row.message == message]
            stopped = _stop(connection, user, chosen)
            if stopped.cancelled and len(chosen) == len(rows) and not stopped.running:
                set_status(connection, conversation, "stopped")
            return stopped

        return await self._store.write(work, user)

    async def rename(self, user: str, conversation: str, title: str) -> Summary:
        statement = (
            sa.update(conversations)
            .where(conversations.c.id == conversation, conversations.c.owner == user)
            .values(title=title)
            .returning(*conversations.c)
        )
        row = await self._store.write(lambda connection: connection.execute(statement).first())
        if row is None:
            raise Forbidden
        return summary_of(row)

    async def entitle(self, conversation: str, old: str, new: str) -> Summary | None:
        """Gives a title in place of the old one; None where it is no longer that."""
        statement = (
            sa.update(conversations)
            .where(conversations.c.id == conversation, conversations.c.title == old)
            .values(title=new)
            .returning(*conversations.c)
        )
        row = await self._store.write(lambda connection: connection.execute(statement).first())
        return summary_of(row) if row else None

    async def delete(self, user: str, conversation: str) -> list[str]:
        """Removes a conversation; gives the answers that were being made or queued.

        Their runners find that their leases are gone, and end without a word.
        """

        def work(connection: sa.Connection) -> list[str]:
            _owned(connection, user, conversation)
            ended = connection.execute(
                sa.delete(generations)
                .where(generations.c.conversation == conversation)
                .returning(generations.c.message)
            )
            ids = list(ended.scalars())
            connection.execute(sa.delete(messages).where(messages.c.conversation == conversation))
            connection.execute(sa.delete(conversations).where(conversations.c.id == conversation))
            return ids

        return await self._store.write(work, user)

    async def view(
        self, user: str, conversation: str, limit: int, before: str | None = None
    ) -> View:
        """The last messages, or the last before a cursor. Raises Forbidden and Malformed."""
        statement = (
            _messages_in_work(conversation).order_by(messages.c.ordinal.desc()).limit(limit + 1)
        )
        if before is not None:
            (ordinal,) = _parse_cursor(_HISTORY_CURSOR, before)
            statement = statement.where(messages.c.ordinal < int(ordinal))

        def work(connection: sa.Connection) -> View:
            _owned(connection, user, conversation)
            return _view(connection.execute(statement).all()[::-1], limit)

        return await self._store.read(work)

    async def list(
        self, user: str, limit: int, before: str | None
    ) -> tuple[list[Summary], str | None]:
        """A user's conversations, newest first, and the cursor of the next page."""
        c = conversations.c
        statement = (
            sa.select(conversations)
            .where(c.owner == user)
            .order_by(c.updated_at.desc(), c.id.desc())
            .limit(limit + 1)
        )
        if before is not None:
            at, last_id = _parse_cursor(_LIST_CURSOR, before)
            statement = statement.where(
                sa.tuple_(c.updated_at, c.id) < sa.tuple_(float(at), last_id)
            )
        rows = await self._store.read(lambda connection: connection.execute(statement).all())
        last = rows[limit - 1] if len(rows) > limit else None
        cursor = f"{last.updated_at!r}_{last.id}" if last else None
        return [summary_of(row) for row in rows[:limit]], cursor

    def _admit(self, connection: sa.Connection, user: str) -> None:
        """Counts one more prompt of the user's, or refuses it."""
        at = admissions.c.at
        recent = (admissions.c.owner == user) & (at > now() - _MINUTE)
        counts = connection.execute(
            sa.select(
                sa.select(sa.func.count())
                .select_from(generations)
                .where(generations.c.owner == user)
                .scalar_subquery()
                .label("in_work"),
                sa.select(sa.func.count()).where(recent).scalar_subquery().label("prompts"),
                sa.select(sa.func.min(at) + _MINUTE - now())
                .where(recent)
                .scalar_subquery()
                .label("seconds"),
            )
        ).one()
        if counts.in_work >= self._limits.generations_per_user:
            raise LimitReached(
                f"{counts.in_work} of your answers are still being written. "
                "Try again when one has ended."
            )
        if counts.prompts >= self._limits.prompts_per_minute:
            seconds = max(1, round(counts.seconds + 0.5))
            raise LimitReached(f"Too many prompts in a minute. Try again in {seconds} seconds.")
        connection.execute(sa.insert(admissions).values(owner=user, at=now()))

    def _store_turn(
        self, connection: sa.Connection, turn: Turn, queued: bool, stopped: Stopped
    ) -> Accepted:
        status: Status = "queued" if queued else "streaming"
        if turn.is_new:
            summary = summary_of(
                connection.execute(
                    sa.insert(conversations)
                    .values(
                        id=turn.conversation,
                        owner=turn.user,
                        title=turn.title,
                        status=status,
                        updated_at=now(),
                    )
                    .returning(*conversations.c)
                ).one()
            )
            ordinal = 1
        else:
            changed = set_status(connection, turn.conversation, "streaming")
            if changed is None:
                raise Forbidden
            summary = changed
            ordinal = _next_ordinal(connection, turn.conversation)
        prompt = Message(turn.message, "user", turn.parts, Metadata(summary.updated_at))
        _insert_message(connection, turn.user, turn.conversation, ordinal, prompt)
        assignment, placeholder = self._store_answer(
            connection,
            turn.user,
            turn.conversation,
            turn.answer,
            turn.model,
            ordinal + 1,
            turn.since,
            queued=queued,
        )
        state = GenerationState(turn.answer, 0, "queued" if queued else "streaming")
        view = View([prompt, placeholder], state, turn.since)
        start = replace(assignment, prompt=prompt) if turn.is_new else assignment
        return Accepted(
            turn.conversation, view, summary, start=None if queued else start, stopped=stopped
        )

    def _store_answer(
        self,
        connection: sa.Connection,
        user: str,
        conversation: str,
        answer: str,
        model: str,
        ordinal: int,
        since: Position,
        *,
        queued: bool,
    ) -> tuple[Assignment, Message]:
        created_at = connection.execute(sa.select(now())).scalar_one()
        status: Status = "queued" if queued else "streaming"
        message = Message(answer, "assistant", [], Metadata(created_at, status, model))
        _insert_message(connection, user, conversation, ordinal, message)
        connection.execute(
            sa.insert(generations).values(
                message=answer,
                conversation=conversation,
                ordinal=ordinal,
                owner=user,
                model=model,
                created_at=created_at,
                position_offset=since.offset,
                position_epoch=since.epoch,
                **({"status": "queued"} if queued else self._leases.grant()),
            )
        )
        return (
            Assignment(conversation, answer, user, model, ordinal, created_at, 0, [], since),
            message,
        )


def _owned(connection: sa.Connection, user: str, conversation: str) -> None:
    found = connection.execute(
        sa.select(conversations.c.id).where(
            conversations.c.id == conversation, conversations.c.owner == user
        )
    ).first()
    if found is None:
        raise Forbidden


def _in_work(connection: sa.Connection, conversation: str) -> Sequence[sa.Row[Any]]:
    """The conversation's generations, in the order in which they are made."""
    return connection.execute(
        sa.select(generations)
        .where(generations.c.conversation == conversation)
        .order_by(generations.c.ordinal)
    ).all()


def _repeated(connection: sa.Connection, turn: Turn) -> Accepted | None:
    prompt = connection.execute(
        sa.select(messages.c.conversation, messages.c.ordinal).where(
            messages.c.owner == turn.user, messages.c.id == turn.message
        )
    ).first()
    if prompt is None:
        return None
    rows = connection.execute(
        _messages_in_work(prompt.conversation)
        .where(messages.c.ordinal.between(prompt.ordinal, prompt.ordinal + 1))
        .order_by(messages.c.ordinal)
    ).all()
    return Accepted(prompt.conversation, _view(rows, len(rows)), repeated=True)


def _messages_in_work(conversation: str) -> sa.Select[Any]:
    """Messages with their generations, in one statement: both are of one moment."""
    return (
        sa.select(
            messages,
            generations.c.status.label("generation"),
            generations.c.seq,
            generations.c.parts.label("checkpoint"),
            generations.c.position_offset,
            generations.c.position_epoch,
        )
        .select_from(messages)
        .outerjoin(
            generations,
            (generations.c.message == messages.c.id) & (generations.c.owner == messages.c.owner),
        )
        .where(messages.c.conversation == conversation)
    )


def _view(rows: Sequence[sa.Row[Any]], limit: int) -> View:
    """Rows of `_messages_in_work`, oldest first; one above the limit tells of a further page."""
    shown = rows[-limit:]
    cursor = str(shown[0].ordinal) if len(rows) > limit else None
    found = [message_of(row) for row in shown]
    state: GenerationState | None = None
    since: Position | None = None
    for row, message in zip(shown, found, strict=True):
        if row.generation is None:
            continue
        message.parts = decode_parts(row.checkpoint)
        message.metadata.status = row.generation
        # The answer that is being made, or else the one that is next.
        if state is None or row.generation == "streaming":
            state = GenerationState(message.id, row.seq, row.generation)
            since = position_of(row)
    return View(found, state, since, cursor)


def _stop(connection: sa.Connection, user: str, rows: Sequence[sa.Row[Any]]) -> Stopped:
    stopped = Stopped()
    for row in rows:
        if row.status == "streaming":
            stopped.running.append(row.message)
            connection.execute(
                sa.update(generations)
                .where(generations.c.message == row.message)
                .values(stop="stopped")
            )
            continue
        metadata = Metadata(row.created_at, "stopped", row.model)
        connection.execute(sa.delete(generations).where(generations.c.message == row.message))
        store_message(connection, user, row.message, [], metadata)
        stopped.cancelled.append(Message(row.message, "assistant", [], metadata))
    return stopped


def _answer(connection: sa.Connection, conversation: str, message: str | None) -> sa.Row[Any]:
    """The assistant message of that id, or the last one."""
    statement = sa.select(messages).where(
        messages.c.conversation == conversation, messages.c.role == "assistant"
    )
    if message is not None:
        statement = statement.where(messages.c.id == message)
    row = connection.execute(statement.order_by(messages.c.ordinal.desc()).limit(1)).first()
    if row is None:
        raise NotFound("There is no such answer in this conversation.")
    return row


def _next_ordinal(connection: sa.Connection, conversation: str) -> int:
    statement = sa.select(sa.func.max(messages.c.ordinal)).where(
        messages.c.conversation == conversation
    )
    return (connection.execute(statement).scalar() or 0) + 1


def _insert_message(
    connection: sa.Connection, owner: str, conversation: str, ordinal: int, message: Message
) -> None:
    connection.execute(
        sa.insert(messages).values(
            conversation=conversation,
            ordinal=ordinal,
            owner=owner,
            id=message.id,
            role=message.role,
            parts=encode(message.parts).decode(),
            metadata=encode(message.metadata).decode(),
        )
    )


def _parse_cursor(pattern: re.Pattern[str], cursor: str) -> tuple[str, ...]:
    """The pattern's groups: whatever else a client sends does not reach the database."""
    if found := pattern.fullmatch(cursor):
        return found.groups()
    raise Malformed("The field before is not a cursor from an earlier page.")
