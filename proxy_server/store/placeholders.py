"""Inserts a new answer: an empty message in its place, and its generation."""

import sqlalchemy as sa

from proxy_server.errors import Malformed
from proxy_server.protocol.messages import Message, Status
from proxy_server.protocol.turns import Assignment
from proxy_server.store import messages
from proxy_server.store.generations import Leases
from proxy_server.store.schema import generations, outbox

_MADE = sa.select(generations.c.owner).where(generations.c.message == sa.bindparam("of_message"))
_TO_DELIVER = sa.select(outbox.c.seq).where(outbox.c.message == sa.bindparam("of_message"))


def check_unused(connection: sa.Connection, message_id: str) -> None:
    """Raises Malformed if another answer with that id is being made, or its end is undelivered.

    The client may choose an answer's id, so two users may choose the same one. These two tables
    have it as their key, and servers of the previous version join messages by it, too.
    """
    # in this order: an answer that ends at this moment moves from the first table to the second
    for in_use in (_MADE, _TO_DELIVER):
        if connection.execute(in_use, {"of_message": message_id}).first() is not None:
            raise Malformed("This id is already in use. Choose another one.")


def insert_answer(
    connection: sa.Connection, leases: Leases, assignment: Assignment, status: Status, made: int
) -> Message:
    """Inserts the answer's message and generation.

    made: the version of the conversation that the message creates.
    """
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
