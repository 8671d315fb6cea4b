"""Deletes a conversation with everything stored for it.

From the first transaction on, nobody finds it. What it has beyond one portion is removed in further
transactions by any server, so that other writers get in between and a crash leaves nothing behind.
"""

from functools import partial
from typing import NamedTuple

import sqlalchemy as sa

from proxy_server.protocol.turns import FIRST_PROMPT, OutboxEntry
from proxy_server.store import conversations, hidden, messages, outbox
from proxy_server.store.database import Store
from proxy_server.store.schema import GONE, hidden_messages
from proxy_server.store.schema import conversations as conversations_table
from proxy_server.store.schema import messages as messages_table

PORTION = 200
"""Messages that go in one transaction, at most."""

_CONVERSATION: sa.BindParameter[str] = sa.bindparam("of_conversation")
_LAST_ONES = (
    sa.select(messages_table.c.ordinal)
    .where(messages_table.c.conversation == _CONVERSATION)
    .order_by(messages_table.c.ordinal.desc())
    .limit(1)
    .offset(PORTION - 1)
)
_NEXT = sa.select(conversations_table.c.id).where(conversations_table.c.owner == GONE).limit(1)
_WHOSE = [
    sa.select(table.c.owner).where(table.c.conversation == _CONVERSATION).limit(1)
    for table in (messages_table, hidden_messages)
]


class Deleted(NamedTuple):
    """The publication of the deletion, and how many messages were removed."""

    entry: OutboxEntry
    messages: int


def delete(connection: sa.Connection, user: str, conversation_id: str) -> Deleted:
    """Part of a transaction. The caller handles the conversation's generations."""
    removed = _remove_some(connection, conversation_id)
    # a late publication would bring its text back
    outbox.remove_all(connection, conversation_id)
    entry = outbox.deletion(user, conversation_id)
    outbox.insert(connection, entry)
    return Deleted(entry, removed)


async def sweep(store: Store) -> bool:
    """Removes a portion of what deleted conversations have left; whether there was any."""
    conversation_id = await store.read(lambda connection: connection.execute(_NEXT).scalar())
    if conversation_id is None:
        return False
    owner = await store.read(partial(_owner, conversation_id=conversation_id))
    await store.write(partial(_remove_some, conversation_id=conversation_id), owner)
    return True


def _remove_some(connection: sa.Connection, conversation_id: str) -> int:
    """Gives how many messages it has removed; with the last of them goes the conversation."""
    first = connection.execute(_LAST_ONES, {"of_conversation": conversation_id}).scalar()
    removed = len(messages.remove_from(connection, conversation_id, first or FIRST_PROMPT))
    removed += hidden.remove_some(connection, conversation_id, PORTION - removed)
    if removed < PORTION:
        conversations.remove(connection, conversation_id)
    else:
        conversations.give_up(connection, conversation_id)
    return removed


def _owner(connection: sa.Connection, conversation_id: str) -> str | None:
    """Whose files its messages may name; None where none is left."""
    where = {"of_conversation": conversation_id}
    return next(
        filter(None, (connection.execute(statement, where).scalar() for statement in _WHOSE)), None
    )
