"""Prompts and the answers to come: stored together, refused, made anew and stopped.

What must hold together is one transaction; those that count or check run one after another for
each user.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import sqlalchemy as sa

from proxy_server.errors import Busy, Forbidden, LimitReached, NotFound
from proxy_server.protocol.chunks import Abort, Chunk, Start
from proxy_server.protocol.messages import Message, Metadata, Part, Status, decode_metadata
from proxy_server.protocol.sessions import GenerationState, Position, Summary
from proxy_server.store.database import (
    Store,
    admissions,
    conversations,
    generations,
    messages,
    now,
    outbox,
)
from proxy_server.store.leases import Assignment, Leases
from proxy_server.store.outbox import LastPublication, keep
from proxy_server.store.rows import (
    FIRST_PROMPT,
    Opening,
    View,
    check_owned,
    in_work,
    insert_message,
    messages_in_work,
    set_status,
    store_message,
    summary_of,
    untold,
    view_of,
)

WhenBusy = Literal["reject", "queue", "interrupt"]
_MINUTE = 60.0

_OF_OWNER: sa.BindParameter[str] = sa.bindparam("of_owner")
_RECENT = (admissions.c.owner == _OF_OWNER) & (admissions.c.at > now() - _MINUTE)
_COUNTS = sa.select(
    sa.select(sa.func.count())
    .select_from(generations)
    .where(generations.c.owner == _OF_OWNER)
    .scalar_subquery()
    .label("in_work"),
    sa.select(sa.func.count()).where(_RECENT).scalar_subquery().label("prompts"),
    sa.select(sa.func.min(admissions.c.at) + _MINUTE - now())
    .where(_RECENT)
    .scalar_subquery()
    .label("seconds"),
)
_ADMIT = sa.insert(admissions).values(at=now())
_BEGIN = sa.insert(conversations).values(updated_at=now()).returning(*conversations.c)
_PROMPT = sa.select(messages.c.conversation, messages.c.ordinal).where(
    messages.c.owner == _OF_OWNER, messages.c.id == sa.bindparam("of_id")
)
_LAST_ORDINAL = sa.select(sa.func.max(messages.c.ordinal)).where(
    messages.c.conversation == sa.bindparam("of_conversation")
)


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
    """What a stop found: answers that are being made somewhere, and the ends of queued ones.

    `openings` are to be told before the ends, unless that is done by the turn that stops them.
    `summary` is the conversation as it stands, where the stop has changed that.
    """

    running: list[str] = field(default_factory=list)
    openings: list[Opening] = field(default_factory=list)
    cancelled: list[LastPublication] = field(default_factory=list)
    summary: Summary | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """A stored turn: what to show, the conversation as it stands, and the answer to start now.

    `openings` are to be told: those of earlier answers that may be untold, and the turn's own.
    `repeated` says that this turn had been stored before, and nothing was changed.
    """

    conversation: str
    view: View
    summary: Summary | None = None
    repeated: bool = False
    start: Assignment | None = None
    stopped: Stopped = field(default_factory=Stopped)
    openings: list[Opening] = field(default_factory=list)


class Turns:
    """The turns of all users' conversations."""

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
            if repeated := _repeated(connection, turn.user, turn.message):
                return repeated
            if not turn.is_new:
                check_owned(connection, turn.user, turn.conversation)
            busy = [] if turn.is_new else in_work(connection, turn.conversation)
            if busy and turn.when_busy == "reject":
                raise Busy
            ending = busy if turn.when_busy == "interrupt" else []
            self._admit(connection, turn.user, ending=len(ending))
            # this prompt must not come to stand before those that others left untold
            earlier = list(untold(connection, busy).values())
            stopped = _stop(connection, turn.user, ending)
            return self._store_turn(connection, turn, bool(busy), stopped, earlier)

        return await self._store.write(work, turn.user)

    async def repeated(self, user: str, message: str) -> Accepted | None:
        """What a prompt of that id gave; None where there is none."""
        return await self._store.read(lambda connection: _repeated(connection, user, message))

    async def regenerate(
        self,
        user: str,
        conversation: str,
        message: str | None,
        answer: str,
        models: Sequence[str],
        since: Position,
    ) -> Accepted:
        """Removes an answer and all after it, and stores one to come in its place.

        models: those allowed, the usual one first; the answer's own stays where it is one of them.
        Raises Forbidden, NotFound, Busy and LimitReached, with nothing changed.
        """

        def work(connection: sa.Connection) -> Accepted:
            check_owned(connection, user, conversation)
            if in_work(connection, conversation):
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
            # an end that is told late would bring one of them back
            connection.execute(
                sa.delete(outbox).where(
                    outbox.c.conversation == conversation, outbox.c.message.in_(ids)
                )
            )
            used = decode_metadata(target.metadata).model
            model = used if used is not None and used in models else models[0]
            summary = set_status(connection, conversation, "streaming")
            if summary is None:
                raise Forbidden
            assignment, placeholder = self._store_answer(
                connection,
                user,
                conversation,
                answer,
                model,
                target.ordinal,
                summary.updated_at,
                since,
                queued=False,
                removed=ids,
            )
            return Accepted(
                conversation,
                View(summary.title, [placeholder], GenerationState(answer, 0, "streaming"), since),
                summary,
                start=assignment,
                openings=[Opening(conversation, answer, ids, [])],
            )

        return await self._store.write(work, user)

    async def stop(self, user: str, conversation: str, message: str | None) -> Stopped:
        """Asks for the end of the answer being made and cancels queued ones; or one of them."""

        def work(connection: sa.Connection) -> Stopped:
            check_owned(connection, user, conversation)
            rows = in_work(connection, conversation)
            chosen = [row for row in rows if message is None or row.message == message]
            cancels = any(row.status == "queued" for row in chosen)
            # of all, so that none comes to stand behind one that is cancelled
            openings = list(untold(connection, rows).values()) if cancels else []
            stopped = replace(_stop(connection, user, chosen), openings=openings)
            if stopped.cancelled and len(chosen) == len(rows) and not stopped.running:
                return replace(stopped, summary=set_status(connection, conversation, "stopped"))
            return stopped

        return await self._store.write(work, user)

    def _admit(self, connection: sa.Connection, user: str, *, ending: int = 0) -> None:
        """Counts one more prompt of the user's, which ends so many answers, or refuses it."""
        counts = connection.execute(_COUNTS, {"of_owner": user}).one()
        in_work = counts.in_work - ending
        if in_work >= self._limits.generations_per_user:
            raise LimitReached(
                f"{in_work} of your answers are still being written. Try again when one has ended."
            )
        if counts.prompts >= self._limits.prompts_per_minute:
            seconds = max(1, round(counts.seconds + 0.5))
            raise LimitReached(f"Too many prompts in a minute. Try again in {seconds} seconds.")
        connection.execute(_ADMIT, {"owner": user})

    def _store_turn(
        self,
        connection: sa.Connection,
        turn: Turn,
        queued: bool,
        stopped: Stopped,
        earlier: list[Opening],
    ) -> Accepted:
        status: Status = "queued" if queued else "streaming"
        if turn.is_new:
            begun = {
                "id": turn.conversation,
                "owner": turn.user,
                "title": turn.title,
                "status": status,
            }
            summary = summary_of(connection.execute(_BEGIN, begun).one())
            ordinal = FIRST_PROMPT
        else:
            changed = set_status(connection, turn.conversation, "streaming")
            if changed is None:
                raise Forbidden
            summary = changed
            ordinal = _next_ordinal(connection, turn.conversation)
        prompt = Message(turn.message, "user", turn.parts, Metadata(summary.updated_at))
        insert_message(connection, turn.user, turn.conversation, ordinal, prompt)
        assignment, placeholder = self._store_answer(
            connection,
            turn.user,
            turn.conversation,
            turn.answer,
            turn.model,
            ordinal + 1,
            summary.updated_at,
            turn.since,
            queued=queued,
        )
        state = GenerationState(turn.answer, 0, "queued" if queued else "streaming")
        view = View(summary.title, [prompt, placeholder], state, turn.since)
        start = replace(assignment, prompt=prompt) if turn.is_new else assignment
        # an answer that is made at once joins by its first piece
        joining = [prompt, placeholder] if queued else [prompt]
        return Accepted(
            turn.conversation,
            view,
            summary,
            start=None if queued else start,
            stopped=stopped,
            openings=[*earlier, Opening(turn.conversation, turn.answer, [], joining)],
        )

    def _store_answer(
        self,
        connection: sa.Connection,
        user: str,
        conversation: str,
        answer: str,
        model: str,
        ordinal: int,
        created_at: float,
        since: Position,
        *,
        queued: bool,
        removed: Sequence[str] = (),
    ) -> tuple[Assignment, Message]:
        status: Status = "queued" if queued else "streaming"
        message = Message(answer, "assistant", [], Metadata(created_at, status, model))
        insert_message(connection, user, conversation, ordinal, message)
        assignment = Assignment(
            conversation, answer, user, model, ordinal, created_at, 0, [], since
        )
        self._leases.enter(connection, assignment, queued=queued, removed=removed)
        return assignment, message


def _repeated(connection: sa.Connection, user: str, message: str) -> Accepted | None:
    prompt = connection.execute(_PROMPT, {"of_owner": user, "of_id": message}).first()
    if prompt is None:
        return None
    rows = connection.execute(
        messages_in_work(prompt.conversation)
        .where(messages.c.ordinal.between(prompt.ordinal, prompt.ordinal + 1))
        .order_by(messages.c.ordinal)
    ).all()
    title = check_owned(connection, user, prompt.conversation)
    return Accepted(prompt.conversation, view_of(title, rows), repeated=True)


def _stop(connection: sa.Connection, user: str, rows: Sequence[sa.Row[Any]]) -> Stopped:
    stopped = Stopped()
    for row in rows:
        this = generations.c.message == row.message
        # Queued still: a replica that looks for orphans takes no lock on their users.
        cancel = sa.delete(generations).where(this, generations.c.status == "queued")
        if row.status == "streaming" or not connection.execute(cancel).rowcount:
            stopped.running.append(row.message)
            connection.execute(sa.update(generations).where(this).values(stop="stopped"))
            continue
        metadata = Metadata(row.created_at, "stopped", row.model)
        store_message(connection, user, row.message, [], metadata)
        chunks: list[Chunk] = [Start(row.message, metadata), Abort("stopped", metadata)]
        last = LastPublication.of(row.conversation, row.message, 1, chunks)
        keep(connection, last, row.removed)
        stopped.cancelled.append(last)
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
    return (connection.execute(_LAST_ORDINAL, {"of_conversation": conversation}).scalar() or 0) + 1
