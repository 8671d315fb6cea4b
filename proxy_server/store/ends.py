"""Ends answers that no server is making: queued ones and waiting ones."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from proxy_server.protocol.chunks import Chunk
from proxy_server.protocol.closing import closing_entry
from proxy_server.protocol.messages import Message, Metadata, Part, Status, decode_parts
from proxy_server.protocol.reduction import Reduction
from proxy_server.protocol.turns import OutboxEntry
from proxy_server.protocol.waiting import denied
from proxy_server.store import messages, outbox, search
from proxy_server.store.schema import generations


class Why(NamedTuple):
    """Why an answer has ended: its status, and the reason given for the tools it waited for."""

    status: Status
    reason: str


BY_PROMPT = Why("complete", "Another prompt came first.")
BY_STOP = Why("stopped", "The answer was stopped.")
BY_TIME = Why("complete", "Nobody decided in time.")

# Not if it is being made: a replica that looks for orphans takes no lock on their users, and may
# start it meanwhile.
_LEAVE = sa.delete(generations).where(
    generations.c.message == sa.bindparam("of_message"), generations.c.status != "streaming"
)


def cancel(connection: sa.Connection, row: sa.Row[Any], why: Why) -> OutboxEntry | None:
    """Ends the answer and returns its closing publication; None if it is being made by now."""
    if not connection.execute(_LEAVE, {"of_message": row.message}).rowcount:
        return None
    closing = _end(connection, row, why)
    outbox.insert(connection, closing)
    return closing


def make_way(connection: sa.Connection, rows: Iterable[sa.Row[Any]]) -> list[OutboxEntry]:
    """Ends the waiting answers because of a new prompt; returns their closing publications."""
    ended = [cancel(connection, row, BY_PROMPT) for row in rows if row.status == "waiting"]
    return [closing for closing in ended if closing is not None]


def put_away(connection: sa.Connection, rows: Iterable[sa.Row[Any]]) -> None:
    """Ends waiting answers that are about to leave the view; publishes nothing."""
    for row in rows:
        if connection.execute(_LEAVE, {"of_message": row.message}).rowcount:
            _end(connection, row, BY_PROMPT)


def after(parts: Sequence[Part], chunks: Iterable[Chunk]) -> list[Part]:
    """Appends chunks of tools to the parts."""
    reduction = Reduction(parts)
    for chunk in chunks:
        if isinstance(chunk, dict):
            reduction.apply(chunk)
    return reduction.parts()


def _end(connection: sa.Connection, row: sa.Row[Any], why: Why) -> OutboxEntry:
    parts = decode_parts(row.parts)
    chunks: list[Chunk] = [*denied(parts, why.reason)]
    stored = messages.metadata(connection, row.owner, row.message) or Metadata(row.created_at)
    metadata = _ended(stored, why.status)
    parts = after(parts, chunks)
    messages.store(connection, row.owner, row.message, parts, metadata)
    ended = Message(row.message, "assistant", parts, metadata)
    search.add(connection, row.owner, row.conversation, row.ordinal, ended)
    if row.seq:
        return closing_entry(row.conversation, row.message, row.seq + 1, chunks, metadata)
    prompt, before = messages.leading(connection, row.conversation, row.ordinal, row.message)
    return closing_entry(
        row.conversation, row.message, 1, chunks, metadata, prompt=prompt, after=before
    )


def _ended(metadata: Metadata, status: Status) -> Metadata:
    ended = msgspec.structs.replace(metadata, status=status)
    if status == "complete":
        ended.finish_reason = "tool-calls"
    return ended
