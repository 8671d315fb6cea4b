"""The table of messages: storing, reading, and what comes before an answer."""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from proxy_server.protocol.encoding import encode
from proxy_server.protocol.messages import (
    Message,
    Metadata,
    Part,
    Role,
    decode_metadata,
    decode_parts,
)
from proxy_server.protocol.sessions import GenerationState, Position
from proxy_server.protocol.turns import FIRST_PROMPT, View
from proxy_server.store import upload_uses
from proxy_server.store.conversations import Owned, check_owned
from proxy_server.store.cursors import parse_cursor
from proxy_server.store.database import Store
from proxy_server.store.schema import TAKEN_OVER, generations, messages
from proxy_server.store.sql_functions import octets

_CURSOR = re.compile(r"([0-9]{1,9})", re.ASCII)
# Centrifugo disconnects a client with more than `client.queue_max_size` waiting, 1 MB by default. A
# larger reply would disconnect it each time it asks.
_PAGE_BYTES = 400_000
_BEYOND_ALL = 1 << 30

_CONVERSATION = messages.c.conversation == sa.bindparam("of_conversation")
_INSERT = sa.insert(messages)
_STORE = (
    sa.update(messages)
    .where(messages.c.owner == sa.bindparam("of_owner"), messages.c.id == sa.bindparam("of_id"))
    .values(parts=sa.bindparam("new_parts"), metadata=sa.bindparam("new_metadata"))
)
_LAST = (
    sa.select(messages.c.ordinal, messages.c.id)
    .where(_CONVERSATION)
    .order_by(messages.c.ordinal.desc())
    .limit(1)
)
_BETWEEN = messages.c.ordinal.between(sa.bindparam("first"), sa.bindparam("last"))
_LEADING = sa.select(messages).where(_CONVERSATION, _BETWEEN).order_by(messages.c.ordinal)
_METADATA = sa.select(messages.c.metadata).where(
    messages.c.owner == sa.bindparam("of_owner"), messages.c.id == sa.bindparam("of_id")
)
_FIND = sa.select(messages.c.conversation, messages.c.ordinal, messages.c.role).where(
    messages.c.owner == sa.bindparam("of_owner"), messages.c.id == sa.bindparam("of_id")
)
_ITS_GENERATION = (generations.c.message == messages.c.id) & (
    generations.c.owner == messages.c.owner
)
# Messages with their generations in one statement, so both show the same moment.
_WITH_GENERATIONS = (
    sa.select(
        messages,
        generations.c.status.label("generation"),
        generations.c.seq,
        generations.c.stop,
        generations.c.parts.label("checkpoint"),
        generations.c.position_offset,
        generations.c.position_epoch,
    )
    .select_from(messages)
    .outerjoin(generations, _ITS_GENERATION)
    .where(_CONVERSATION)
)
# Sizes first: a conversation may be many times larger than a reply or a model's context.
_SIZES = (
    sa.select(
        messages.c.ordinal,
        (octets(messages.c.parts) + sa.func.coalesce(octets(generations.c.parts), 0)).label("size"),
    )
    .select_from(messages)
    .outerjoin(generations, _ITS_GENERATION)
    .where(_CONVERSATION, messages.c.ordinal < sa.bindparam("before"))
    .order_by(messages.c.ordinal.desc())
    .limit(sa.bindparam("most", type_=sa.Integer))
)
_SHOWN = _WITH_GENERATIONS.where(_BETWEEN).order_by(messages.c.ordinal)
_FIRST_UNFINISHED = sa.select(sa.func.min(generations.c.ordinal)).where(
    generations.c.conversation == sa.bindparam("of_conversation")
)


class Leading(NamedTuple):
    """What an answer brings into the conversation: its prompt, and the message before that.

    after: the id of the message before the prompt. If the prompt is one of several versions, the
        answer's own id: a reader does not have it, and so knows that something is missing.
    """

    prompt: Message | None
    after: str | None


class Place(NamedTuple):
    """The place of a message."""

    conversation_id: str
    ordinal: int
    role: Role


class Last(NamedTuple):
    """A conversation's last message."""

    ordinal: int
    id: str | None


def message_of(row: sa.Row[Any]) -> Message:
    return Message(row.id, row.role, decode_parts(row.parts), decode_metadata(row.metadata))


def insert(
    connection: sa.Connection,
    user: str,
    conversation_id: str,
    ordinal: int,
    message: Message,
    made: int,
) -> None:
    """Stores a message. Raises NotFound if a prompt names an upload that does not exist.

    made: the version of the conversation that this message creates.
    """
    if message.role == "user":
        upload_uses.use(connection, user, message.id, message.parts)
    connection.execute(
        _INSERT,
        {
            "conversation": conversation_id,
            "ordinal": ordinal,
            "owner": user,
            "id": message.id,
            "role": message.role,
            "parts": encode(message.parts).decode(),
            "metadata": encode(message.metadata).decode(),
            "made": made,
        },
    )


def store(
    connection: sa.Connection,
    user: str,
    message_id: str,
    parts: Sequence[Part],
    metadata: Metadata,
) -> None:
    """Stores the final form of an answer."""
    connection.execute(
        _STORE,
        {
            "of_owner": user,
            "of_id": message_id,
            "new_parts": encode(parts).decode(),
            "new_metadata": encode(metadata).decode(),
        },
    )


def metadata(connection: sa.Connection, user: str, message_id: str) -> Metadata | None:
    """The stored metadata of a message; None if it is gone."""
    raw = connection.execute(_METADATA, {"of_owner": user, "of_id": message_id}).scalar()
    return None if raw is None else decode_metadata(raw)


def last(connection: sa.Connection, conversation_id: str) -> Last:
    row = connection.execute(_LAST, {"of_conversation": conversation_id}).first()
    return Last(row.ordinal, row.id) if row else Last(FIRST_PROMPT - 1, None)


def leading(
    connection: sa.Connection, conversation_id: str, ordinal: int, answer_id: str
) -> Leading:
    """The prompt that the answer at that ordinal brings, and the message before it."""
    where = {"of_conversation": conversation_id, "first": ordinal - 2, "last": ordinal - 1}
    rows = {row.ordinal: row for row in connection.execute(_LEADING, where)}
    prompt = message_of(rows[ordinal - 1]) if ordinal - 1 in rows else None
    after = rows[ordinal - 2].id if ordinal - 2 in rows else None
    if prompt is not None and prompt.metadata.versions:
        after = answer_id
    return Leading(prompt, after)


def find(connection: sa.Connection, user: str, message_id: str) -> Place | None:
    """The place of a user's message; None if there is no such id."""
    row = connection.execute(_FIND, {"of_owner": user, "of_id": message_id}).first()
    return Place(*row) if row else None


def remove_from(connection: sa.Connection, conversation_id: str, ordinal: int) -> list[str]:
    """Removes the messages from that ordinal on; returns their ids."""
    upload_uses.release(connection, conversation_id, ordinal)
    removed = connection.execute(
        sa.delete(messages)
        .where(messages.c.conversation == conversation_id, messages.c.ordinal >= ordinal)
        .returning(messages.c.id)
    )
    return list(removed.scalars())


def shown(
    connection: sa.Connection, user: str, conversation_id: str, first: int, last: int
) -> View:
    """The messages between two ordinals, both included. Raises Forbidden."""
    conversation = check_owned(connection, user, conversation_id)
    where = {"of_conversation": conversation_id, "first": first, "last": last}
    return _view(conversation, connection.execute(_SHOWN, where).all())


async def view(
    store: Store, user: str, conversation_id: str, limit: int, before: str | None = None
) -> View:
    """The last messages, or the last before a cursor. Raises Forbidden and Malformed.

    Fewer than `limit` if they are large, more if more are unfinished: a client cannot follow an
    answer that is left out.
    """
    end = int(parse_cursor(_CURSOR, before)[0]) if before is not None else _BEYOND_ALL

    def work(connection: sa.Connection) -> View:
        first = connection.execute(_FIRST_UNFINISHED, {"of_conversation": conversation_id}).scalar()
        begin = _first_that_fits(connection, conversation_id, end, limit, _PAGE_BYTES)
        if first is not None:
            begin = min(begin, first)
        return shown(connection, user, conversation_id, begin, end - 1)

    return await store.read(work)


async def page_before(
    store: Store, conversation_id: str, ordinal: int, limit: int, most_bytes: int
) -> list[tuple[int, Message]]:
    """The last messages before an ordinal, with their ordinals; at least one, if any."""

    def work(connection: sa.Connection) -> list[tuple[int, Message]]:
        first = _first_that_fits(connection, conversation_id, ordinal, limit, most_bytes)
        where = {"of_conversation": conversation_id, "first": first, "last": ordinal - 1}
        return [(row.ordinal, message_of(row)) for row in connection.execute(_LEADING, where)]

    return await store.read(work)


async def beginning(store: Store, conversation_id: str) -> tuple[Message, Message] | None:
    """The first prompt and its answer; None if they are gone."""
    rows = await store.read(
        lambda connection: connection.execute(
            _LEADING, {"of_conversation": conversation_id, "first": 1, "last": 2}
        ).all()
    )
    return (message_of(rows[0]), message_of(rows[1])) if len(rows) == 2 else None


def _first_that_fits(
    connection: sa.Connection, conversation_id: str, before: int, limit: int, most_bytes: int
) -> int:
    """The ordinal of the first message that fits; at least one message always does."""
    where = {"of_conversation": conversation_id, "before": before, "most": limit}
    first = before
    for row in connection.execute(_SIZES, where):
        most_bytes -= row.size
        if most_bytes < 0 and first < before:
            break
        first = row.ordinal
    return first


def _view(conversation: Owned, rows: Sequence[sa.Row[Any]]) -> View:
    """Builds a view from rows of `_WITH_GENERATIONS`, oldest first."""
    cursor = str(rows[0].ordinal) if rows and rows[0].ordinal > FIRST_PROMPT else None
    found = [message_of(row) for row in rows]
    state: GenerationState | None = None
    since: Position | None = None
    being_closed = False
    for row, message in zip(rows, found, strict=True):
        if row.generation is None:
            continue
        message.parts = decode_parts(row.checkpoint)
        message.metadata.status = row.generation
        # The answer that is being made, or else the next one.
        if state is None or row.generation == "streaming":
            state = GenerationState(message.id, row.seq, row.generation)
            since = Position(row.position_offset, row.position_epoch)
        if row.generation == "waiting":
            # all its publications are in the row, which may be older than the channel's history
            since = None
        being_closed = being_closed or row.stop == TAKEN_OVER
    named = conversation.title, found, state, since, cursor, conversation.key
    return View(*named, being_closed=being_closed, archived=conversation.archived)
