"""An answer to come: the empty message in its place, and who makes it."""

import sqlalchemy as sa

from proxy_server.protocol.messages import Message, Status
from proxy_server.protocol.turns import Assignment
from proxy_server.store import messages
from proxy_server.store.generations import Leases


def insert_answer(
    connection: sa.Connection, leases: Leases, assignment: Assignment, status: Status, made: int
) -> Message:
    """made: the conversation's version that comes with it."""
    message = Message(assignment.message_id, "assistant", [], assignment.metadata(status))
    messages.insert(
        connection,
        assignment.user,
        assignment.conversation_id,
        assignment.ordinal,
        message,
        made,
    )
    leases.insert(connection, assignment, queued=status == "queued")
    return message
