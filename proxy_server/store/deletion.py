"""Deletes a conversation with everything stored for it."""

from typing import NamedTuple

import sqlalchemy as sa

from proxy_server.protocol.turns import FIRST_PROMPT, OutboxEntry
from proxy_server.store import conversations, hidden, messages, outbox


class Deleted(NamedTuple):
    """The publication of the deletion, and how many messages left the view."""

    entry: OutboxEntry
    messages: int


def delete(connection: sa.Connection, user: str, conversation_id: str) -> Deleted:
    """Part of a transaction. The caller handles the conversation's generations."""
    removed = messages.remove_from(connection, conversation_id, FIRST_PROMPT)
    hidden.remove_all(connection, conversation_id)
    conversations.remove(connection, conversation_id)
    # a late publication would bring its text back
    outbox.remove_all(connection, conversation_id)
    entry = outbox.deletion(user, conversation_id)
    outbox.insert(connection, entry)
    return Deleted(entry, len(removed))
