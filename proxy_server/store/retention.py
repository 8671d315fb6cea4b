"""Conversations that have been kept for as long as they may be: found and removed by steps."""

from typing import NamedTuple

import sqlalchemy as sa

from proxy_server.access.visitors import is_visitor
from proxy_server.protocol.turns import OutboxEntry
from proxy_server.store import deletion
from proxy_server.store.database import Store
from proxy_server.store.schema import conversations as table
from proxy_server.store.schema import generations, now

_DAY = 86_400.0
# In the order of the primary key, which needs no index of its own: one by age would have to be
# written with each prompt.
_NEXT = (
    sa.select(table.c.id, table.c.owner, (now() - table.c.updated_at).label("age"))
    .where(table.c.id > sa.bindparam("cursor"))
    .order_by(table.c.id)
    .limit(sa.bindparam("most", type_=sa.Integer))
)
_UNFINISHED = sa.select(sa.func.count()).where(
    generations.c.conversation == sa.bindparam("of_conversation")
)


class Step(NamedTuple):
    """What one step has removed, and where the next begins; empty at the end of the table."""

    removed: list[OutboxEntry]
    cursor: str


async def remove_old(
    store: Store, cursor: str, *, days: float, visitors_days: float, most: int
) -> Step:
    """Looks at so many conversations from the cursor on, and removes the old ones among them.

    days, visitors_days: for how long those of users and of visitors stay; 0 is for ever.
    """

    def work(connection: sa.Connection) -> Step:
        rows = connection.execute(_NEXT, {"cursor": cursor, "most": most}).all()
        removed = []
        for row in rows:
            kept = visitors_days if is_visitor(row.owner) else days
            if kept and row.age > kept * _DAY and not _is_open(connection, row.id):
                removed.append(deletion.delete(connection, row.owner, row.id).entry)
        return Step(removed, rows[-1].id if len(rows) == most else "")

    return await store.write(work)


def _is_open(connection: sa.Connection, conversation_id: str) -> bool:
    return bool(connection.execute(_UNFINISHED, {"of_conversation": conversation_id}).scalar())
