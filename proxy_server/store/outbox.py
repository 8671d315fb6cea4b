"""The outbox: publications stored until Centrifugo has them, even if their server dies."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from proxy_server.protocol.encoding import encode
from proxy_server.protocol.messages import Message, Metadata
from proxy_server.protocol.publications import (
    DeletedPublication,
    MessagePublication,
    TitlePublication,
)
from proxy_server.protocol.sessions import Summary
from proxy_server.protocol.turns import OutboxEntry
from proxy_server.store.conversations import owner_and_summary
from proxy_server.store.database import Store
from proxy_server.store.schema import now, outbox

_RETRY_SECONDS = 5.0
_INSERT = sa.insert(outbox).values(due=now() + _RETRY_SECONDS)
_ID = outbox.c.message == sa.bindparam("of_id")
_REMOVE = sa.delete(outbox).where(_ID)
# the row may already hold a newer version of the state
_FORGET = _REMOVE.where(outbox.c.seq == sa.bindparam("of_version"))
_REMOVE_ALL = sa.delete(outbox).where(outbox.c.conversation == sa.bindparam("of_conversation"))
_LATE = outbox.c.due < now()
_TAKE = (
    sa.update(outbox)
    .where(
        outbox.c.message.in_(
            sa.select(outbox.c.message)
            .where(_LATE)
            .limit(sa.bindparam("most", type_=sa.Integer))
            .scalar_subquery()
        ),
        _LATE,
    )
    .values(due=now() + _RETRY_SECONDS)
    .returning(*outbox.c)
)


class Overdue(NamedTuple):
    """An entry that its server did not deliver in time, with its conversation's present state."""

    entry: OutboxEntry
    user: str | None
    summary: Summary | None


def deletion(user: str, conversation_id: str) -> OutboxEntry:
    """The entry that publishes the deletion of a conversation."""
    data = encode(DeletedPublication())
    return OutboxEntry(conversation_id, conversation_id, 0, data, deleted_for=user)


def new_title(summary: Summary) -> OutboxEntry:
    """The entry that publishes a conversation's title."""
    data = encode(TitlePublication(summary.title, summary.version))
    return OutboxEntry(f"{summary.id}:title", summary.id, summary.version, data)


def new_view(summary: Summary) -> OutboxEntry:
    """The entry that publishes a change of the versions in view.

    It names an unknown message as the one before. By the rules of the client protocol, every client
    then opens the conversation again, once, whatever it missed or receives late.
    """
    unknown = f"view:{summary.version}"
    nothing = Message(unknown, "user", [], Metadata(summary.updated_at))
    data = encode(MessagePublication(nothing, unknown))
    return OutboxEntry(f"{summary.id}:view", summary.id, summary.version, data)


def insert(connection: sa.Connection, entry: OutboxEntry) -> None:
    """Part of the transaction that stores what the entry publishes."""
    connection.execute(
        _INSERT,
        {
            "message": entry.id,
            "conversation": entry.conversation_id,
            "seq": entry.version,
            "data": entry.data.decode(),
            "owner": entry.deleted_for,
        },
    )


def replace(connection: sa.Connection, entry: OutboxEntry) -> None:
    """Inserts a state, or replaces an older version of it."""
    connection.execute(_REMOVE, {"of_id": entry.id})
    insert(connection, entry)


def remove(connection: sa.Connection, conversation_id: str, ids: Sequence[str]) -> None:
    """Removes entries of answers that left the view, or of states."""
    connection.execute(
        sa.delete(outbox).where(outbox.c.conversation == conversation_id, outbox.c.message.in_(ids))
    )


def remove_all(connection: sa.Connection, conversation_id: str) -> None:
    """Removes all entries of a deleted conversation."""
    connection.execute(_REMOVE_ALL, {"of_conversation": conversation_id})


async def postpone(store: Store, entry: OutboxEntry, seconds: float) -> None:
    """Moves an entry's due time: its server needs that many seconds to deliver it."""
    late = sa.update(outbox).where(outbox.c.message == entry.id, outbox.c.seq == entry.version)
    await store.write(lambda connection: connection.execute(late.values(due=now() + seconds)))


async def overdue(store: Store, limit: int) -> list[Overdue]:
    """Takes entries that their servers did not deliver in time."""

    def work(connection: sa.Connection) -> list[Overdue]:
        rows = connection.execute(_TAKE, {"most": limit}).all()
        return [_overdue(connection, row) for row in rows]

    return await store.write(work)


async def forget(store: Store, published: Sequence[OutboxEntry]) -> None:
    """Removes entries that Centrifugo has."""
    known = [{"of_id": entry.id, "of_version": entry.version} for entry in published]
    await store.write(lambda connection: connection.execute(_FORGET, known))


def _overdue(connection: sa.Connection, row: sa.Row[Any]) -> Overdue:
    entry = OutboxEntry(
        row.message, row.conversation, row.seq, row.data.encode(), deleted_for=row.owner
    )
    found = owner_and_summary(connection, row.conversation)
    return Overdue(entry, *(found or (None, None)))
