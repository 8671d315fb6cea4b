"""Turns a row of generations into the assignment of its runner."""

from typing import Any

import sqlalchemy as sa

from proxy_server.protocol.messages import decode_parts
from proxy_server.protocol.sessions import Position
from proxy_server.protocol.turns import Assignment
from proxy_server.protocol.waiting import decode_decisions
from proxy_server.store import conversations, messages


def assignment_of(
    connection: sa.Connection, row: sa.Row[Any], *, was_queued: bool = False
) -> Assignment:
    prompt, after = (
        messages.leading(connection, row.conversation, row.ordinal, row.message)
        if row.seq == 0
        else messages.Leading(None, None)
    )
    return Assignment(
        conversation_id=row.conversation,
        message_id=row.message,
        user=row.owner,
        model=row.model,
        ordinal=row.ordinal,
        created_at=row.created_at,
        position=Position(row.position_offset, row.position_epoch),
        seq=row.seq,
        parts=decode_parts(row.parts),
        was_queued=was_queued,
        prompt=prompt,
        after=after,
        data=row.data,
        meta=row.meta,
        key=conversations.key_of(connection, row.conversation),
        trigger=row.triggered_by or "prompt",
        decisions=decode_decisions(row.decisions),
        stored=messages.metadata(connection, row.owner, row.message),
    )
