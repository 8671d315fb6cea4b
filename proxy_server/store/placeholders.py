"""An answer to come: the empty message in its place, and who makes it."""

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
    """Raises Malformed while another answer of that id is made, or its end is not delivered.

    An answer's id may be its client's, and two users may have the same one. These two tables have
    it as their key, and messages are joined with it by servers of the version before, too.
    """
    # in this order: one that ends in this moment leaves the first for the second
    for in_use in (_MADE, _TO_DELIVER):
        if connection.execute(in_use, {"of_message": message_id}).first() is not None:
            raise Malformed("The field id is in use at the moment. Give another one.")


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
