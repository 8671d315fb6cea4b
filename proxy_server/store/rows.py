"""Rows of the database as values, and the statements that more than one module needs.

Statements on the way of each prompt are built once, with parameters: building one costs more than
SQLite takes to run it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from proxy_server.errors import Forbidden
from proxy_server.protocol.encoding import decode_ids, encode
from proxy_server.protocol.messages import (
    Message,
    Metadata,
    Part,
    Status,
    decode_metadata,
    decode_parts,
)
from proxy_server.protocol.sessions import GenerationState, Position, Summary
from proxy_server.store.database import conversations, generations, messages, now

# Names of parameters must differ from those of columns, which SQLAlchemy keeps for itself.
_INSERT_MESSAGE = sa.insert(messages)
_STORE_MESSAGE = (
    sa.update(messages)
    .where(messages.c.owner == sa.bindparam("of_owner"), messages.c.id == sa.bindparam("of_id"))
    .values(parts=sa.bindparam("new_parts"), metadata=sa.bindparam("new_metadata"))
)
_SET_STATUS = (
    sa.update(conversations)
    .where(conversations.c.id == sa.bindparam("of_id"))
    .values(status=sa.bindparam("new_status"), updated_at=now())
    .returning(*conversations.c)
)
_OWNED = sa.select(conversations.c.title).where(
    conversations.c.id == sa.bindparam("of_id"), conversations.c.owner == sa.bindparam("of_owner")
)
_IN_WORK = (
    sa.select(generations)
    .where(generations.c.conversation == sa.bindparam("of_conversation"))
    .order_by(generations.c.ordinal)
)
_OF: sa.BindParameter[Sequence[str]] = sa.bindparam("of", expanding=True)
_UNTOLD = (
    sa.select(
        messages,
        generations.c.message.label("answer"),
        generations.c.status.label("generation"),
        generations.c.removed,
    )
    .join(
        generations,
        (generations.c.conversation == messages.c.conversation)
        & messages.c.ordinal.between(generations.c.ordinal - 1, generations.c.ordinal),
    )
    .where(generations.c.seq == 0, generations.c.message.in_(_OF))
    .order_by(messages.c.conversation, messages.c.ordinal)
)
_answers = messages.alias()
_PROMPT_OF = sa.select(messages).join(
    _answers,
    (messages.c.conversation == _answers.c.conversation)
    & (messages.c.ordinal == _answers.c.ordinal - 1)
    & (_answers.c.conversation == sa.bindparam("of_conversation"))
    & (_answers.c.id == sa.bindparam("of_answer")),
)

FIRST_PROMPT, FIRST_ANSWER = 1, 2
"""Ordinals of a conversation's first messages."""


@dataclass(frozen=True, slots=True)
class View:
    """Messages, oldest first; the answer being made, and the position of its checkpoint."""

    title: str
    messages: list[Message]
    generation: GenerationState | None = None
    since: Position | None = None
    next: str | None = None


@dataclass(frozen=True, slots=True)
class Opening:
    """What is told before an answer's first piece: the ids of what it replaces, or its prompt.

    Its server may die before it could. So whoever goes on tells it again, as long as no piece of
    the answer is known to be published; and the answer with it, so that what comes later stands
    behind it.
    """

    conversation: str
    answer: str
    removed: list[str]
    messages: list[Message]


def message_of(row: sa.Row[Any]) -> Message:
    """A message from a row of `messages`."""
    return Message(row.id, row.role, decode_parts(row.parts), decode_metadata(row.metadata))


def summary_of(row: sa.Row[Any]) -> Summary:
    """A conversation in its owner's list, from a row of `conversations`."""
    return Summary(row.id, row.title, row.updated_at, row.status)


def position_of(row: sa.Row[Any]) -> Position:
    """The position of a checkpoint, from a row of `generations`."""
    return Position(row.position_offset, row.position_epoch)


def insert_message(
    connection: sa.Connection, owner: str, conversation: str, ordinal: int, message: Message
) -> None:
    connection.execute(
        _INSERT_MESSAGE,
        {
            "conversation": conversation,
            "ordinal": ordinal,
            "owner": owner,
            "id": message.id,
            "role": message.role,
            "parts": encode(message.parts).decode(),
            "metadata": encode(message.metadata).decode(),
        },
    )


def store_message(
    connection: sa.Connection, owner: str, message: str, parts: Sequence[Part], metadata: Metadata
) -> None:
    connection.execute(
        _STORE_MESSAGE,
        {
            "of_owner": owner,
            "of_id": message,
            "new_parts": encode(parts).decode(),
            "new_metadata": encode(metadata).decode(),
        },
    )


def set_status(connection: sa.Connection, conversation: str, status: Status) -> Summary | None:
    """Marks a conversation as changed now; None where it is gone."""
    row = connection.execute(_SET_STATUS, {"of_id": conversation, "new_status": status}).first()
    return summary_of(row) if row else None


def check_owned(connection: sa.Connection, user: str, conversation: str) -> str:
    """Gives the conversation's title. Raises Forbidden where it is another's, or gone."""
    row = connection.execute(_OWNED, {"of_id": conversation, "of_owner": user}).first()
    if row is None:
        raise Forbidden
    return str(row.title)


def in_work(connection: sa.Connection, conversation: str) -> Sequence[sa.Row[Any]]:
    """The conversation's generations, in the order in which they are made."""
    return connection.execute(_IN_WORK, {"of_conversation": conversation}).all()


def untold(connection: sa.Connection, rows: Iterable[sa.Row[Any]]) -> dict[str, Opening]:
    """The openings of those rows of `generations` of which no piece is known to be told, by answer.

    In the order of each conversation.
    """
    silent = [row.message for row in rows if row.seq == 0]
    found: dict[str, Opening] = {}
    for row in connection.execute(_UNTOLD, {"of": silent}) if silent else ():
        if row.answer not in found:
            removed = decode_ids(row.removed) if row.removed else []
            found[row.answer] = Opening(row.conversation, row.answer, removed, [])
        message = message_of(row)
        if message.role == "assistant":
            message.metadata.status = row.generation
        elif row.removed:
            # it is older than what a client may show
            continue
        found[row.answer].messages.append(message)
    return found


def prompt_of(connection: sa.Connection, conversation: str, answer: str) -> Message | None:
    """The message before an answer; None where either is gone."""
    row = connection.execute(
        _PROMPT_OF, {"of_conversation": conversation, "of_answer": answer}
    ).first()
    return message_of(row) if row else None


def messages_in_work(conversation: str) -> sa.Select[Any]:
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


def view_of(title: str, rows: Sequence[sa.Row[Any]]) -> View:
    """From rows of `messages_in_work`, oldest first."""
    cursor = str(rows[0].ordinal) if rows and rows[0].ordinal > FIRST_PROMPT else None
    found = [message_of(row) for row in rows]
    state: GenerationState | None = None
    since: Position | None = None
    for row, message in zip(rows, found, strict=True):
        if row.generation is None:
            continue
        message.parts = decode_parts(row.checkpoint)
        message.metadata.status = row.generation
        # The answer that is being made, or else the one that is next.
        if state is None or row.generation == "streaming":
            state = GenerationState(message.id, row.seq, row.generation)
            since = position_of(row)
    return View(title, found, state, since, cursor)
