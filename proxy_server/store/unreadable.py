"""Closes answers that cannot be read, so that they block nothing behind them."""

from typing import Any

import msgspec
import sqlalchemy as sa
import structlog

from proxy_server.protocol.encoding import encode
from proxy_server.protocol.messages import Metadata, decode_parts
from proxy_server.protocol.sessions import Summary
from proxy_server.protocol.turns import Assignment
from proxy_server.store import conversations, messages
from proxy_server.store.assignments import assignment_of
from proxy_server.store.schema import generations
from proxy_server.store.schema import messages as table

UNREADABLE = (msgspec.MsgspecError, ValueError, TypeError, LookupError, RecursionError)
"""Errors caused by unexpected stored values, never by an outage."""

_STORE = (
    sa.update(table)
    .where(table.c.owner == sa.bindparam("of_owner"), table.c.id == sa.bindparam("of_id"))
    .values(parts=sa.bindparam("new_parts"), metadata=sa.bindparam("new_metadata"))
)

log = structlog.get_logger()


def readable(
    connection: sa.Connection, row: sa.Row[Any], *, was_queued: bool = False
) -> Assignment | None:
    """The assignment in the row; if it cannot be read, closes the answer and returns None."""
    try:
        return assignment_of(connection, row, was_queued=was_queued)
    except UNREADABLE:
        log.exception("answer_unreadable", conversation=row.conversation, message=row.message)
    close(connection, row)
    return None


def close(connection: sa.Connection, row: sa.Row[Any]) -> Summary | None:
    """Part of a transaction: ends the answer as interrupted, with its checkpoint's parts.

    Publishes nothing. Returns None if the row's runner has lost the answer, or the conversation is
    gone.
    """
    gone = sa.delete(generations).where(
        generations.c.message == row.message,
        generations.c.runner.is_not_distinct_from(row.runner),
    )
    if not connection.execute(gone).rowcount:
        return None
    connection.execute(
        _STORE,
        {
            "of_owner": row.owner,
            "of_id": row.message,
            "new_parts": _parts(row),
            "new_metadata": encode(_metadata(connection, row)).decode(),
        },
    )
    return conversations.set_status(connection, row.conversation, "interrupted")


def _parts(row: sa.Row[Any]) -> str:
    """The stored parts, or none if they would make the message unreadable."""
    try:
        encode(decode_parts(row.parts))
    except UNREADABLE:
        return "[]"
    return str(row.parts)


def _metadata(connection: sa.Connection, row: sa.Row[Any]) -> Metadata:
    stored = None
    try:
        stored = messages.metadata(connection, row.owner, row.message)
    except UNREADABLE:
        log.warning("metadata_unreadable", message=row.message)
    found = stored or Metadata(row.created_at, model=row.model)
    return msgspec.structs.replace(found, status="interrupted", finish_reason="other")
