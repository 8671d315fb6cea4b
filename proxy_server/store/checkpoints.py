"""Checkpoints: the progress of answers, written by the runner for all its answers at once."""

from collections.abc import Sequence

import sqlalchemy as sa

from proxy_server.protocol.encoding import encode
from proxy_server.protocol.turns import Checkpoint
from proxy_server.store.schema import generations, messages

HELD = sa.and_(
    generations.c.message == sa.bindparam("of_message"),
    generations.c.runner == sa.bindparam("of_runner"),
)
# Two writes may be in flight at once, and the older one may arrive last.
_CHECKPOINT = (
    sa.update(generations)
    .where(HELD, generations.c.seq < sa.bindparam("new_seq"))
    .values(
        seq=sa.bindparam("new_seq"),
        parts=sa.bindparam("new_parts"),
        position_offset=sa.bindparam("offset"),
        position_epoch=sa.bindparam("epoch"),
    )
)
_OWNER = (
    sa.select(generations.c.owner)
    .where(HELD, generations.c.seq == sa.bindparam("new_seq"))
    .scalar_subquery()
)
_METADATA = (
    sa.update(messages)
    .where(
        messages.c.owner == _OWNER,
        messages.c.id == sa.bindparam("of_message"),
    )
    .values(metadata=sa.bindparam("new_metadata"))
)


def store(connection: sa.Connection, runner: str, checkpoints: Sequence[Checkpoint]) -> None:
    """Part of a transaction. Writes nothing for an answer whose lease was lost."""
    in_order = sorted(checkpoints, key=lambda checkpoint: checkpoint.message_id)
    rows = [
        {
            "of_message": checkpoint.message_id,
            "of_runner": runner,
            "new_seq": checkpoint.seq,
            "new_parts": encode(checkpoint.parts).decode(),
            "offset": checkpoint.position.offset,
            "epoch": checkpoint.position.epoch,
        }
        for checkpoint in in_order
    ]
    connection.execute(_CHECKPOINT, rows)
    given = [
        {
            "of_message": checkpoint.message_id,
            "of_runner": runner,
            "new_seq": checkpoint.seq,
            "new_metadata": encode(checkpoint.metadata).decode(),
        }
        for checkpoint in in_order
        if checkpoint.metadata is not None
    ]
    if given:
        connection.execute(_METADATA, given)
