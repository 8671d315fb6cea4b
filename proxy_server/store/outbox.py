"""The last publication of each answer, and of each deleted conversation, until Centrifugo has it.

So an end that is stored gets told, whoever dies in between.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from proxy_server.protocol.chunks import Chunk
from proxy_server.protocol.encoding import decode_ids, encode
from proxy_server.protocol.publications import (
    ChunksPublication,
    DeletedPublication,
    idempotency_key,
)
from proxy_server.store.database import Store, now, outbox
from proxy_server.store.rows import Opening, prompt_of

_RETRY_SECONDS = 5.0
_KEEP = sa.insert(outbox).values(due=now() + _RETRY_SECONDS)
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


@dataclass(frozen=True, slots=True)
class LastPublication:
    """The publication that closes an answer, or a conversation under its own id, as JSON.

    With `owner` the conversation leaves that user's list as well. `opening` goes before it.
    """

    conversation: str
    message: str
    seq: int
    data: bytes
    owner: str | None = None
    opening: Opening | None = None

    @property
    def key(self) -> str:
        return idempotency_key(self.message, self.seq)

    @classmethod
    def of(
        cls,
        conversation: str,
        message: str,
        seq: int,
        chunks: list[Chunk],
        opening: Opening | None = None,
    ) -> "LastPublication":
        data = encode(ChunksPublication(message, seq, chunks))
        return cls(conversation, message, seq, data, opening=opening)


def deletion(owner: str, conversation: str) -> LastPublication:
    """The publication that closes a conversation."""
    return LastPublication(conversation, conversation, 0, encode(DeletedPublication()), owner)


class Outbox:
    """What no server is known to have published; any server may, as the key is the same."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def overdue(self, limit: int) -> list[LastPublication]:
        """Takes publications whose server did not get them out in time."""

        def work(connection: sa.Connection) -> list[LastPublication]:
            rows = connection.execute(_TAKE, {"most": limit}).all()
            return sorted((_from_row(connection, row) for row in rows), key=_age)

        return await self._store.write(work)

    async def forget(self, published: Sequence[LastPublication]) -> None:
        """Removes those that Centrifugo has."""
        known = [last.message for last in published]
        statement = sa.delete(outbox).where(outbox.c.message.in_(known))
        await self._store.write(lambda connection: connection.execute(statement))


def _from_row(connection: sa.Connection, row: sa.Row[Any]) -> LastPublication:
    last = LastPublication(
        row.conversation, row.message, row.seq, row.data.encode(), owner=row.owner
    )
    if last.seq != 1:
        return last
    # no piece came before this one, so the prompt may be untold as well
    removed = decode_ids(row.removed) if row.removed else []
    prompt = prompt_of(connection, last.conversation, last.message)
    messages = [prompt] if prompt is not None and not removed else []
    return replace(last, opening=Opening(last.conversation, last.message, removed, messages))


def _age(last: LastPublication) -> float:
    """Prompts of one conversation are told in their order."""
    told = last.opening.messages if last.opening is not None else []
    return told[0].metadata.created_at if told else 0.0


def keep(connection: sa.Connection, last: LastPublication, removed: str | None = None) -> None:
    """Part of the transaction that stores an answer's end, or deletes a conversation.

    removed: what the answer replaces, as its row of `generations` has it.
    """
    connection.execute(
        _KEEP,
        {
            "message": last.message,
            "conversation": last.conversation,
            "seq": last.seq,
            "data": last.data.decode(),
            "owner": last.owner,
            "removed": removed,
        },
    )
