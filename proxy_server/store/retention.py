"""Retention: finds and removes conversations past their age, in small steps."""

from functools import partial
from typing import NamedTuple

import sqlalchemy as sa

from proxy_server.access.visitors import is_visitor
from proxy_server.protocol.turns import OutboxEntry
from proxy_server.store import deletion
from proxy_server.store.database import Store
from proxy_server.store.schema import GONE, generations, now
from proxy_server.store.schema import conversations as table

_DAY = 86_400.0
# In primary key order, which needs no other index: one by age would be written with each prompt.
_NEXT = (
    sa.select(table.c.id, table.c.owner, (now() - table.c.updated_at).label("age"))
    .where(table.c.id > sa.bindparam("cursor"), table.c.owner != GONE)
    .order_by(table.c.id)
    .limit(sa.bindparam("most", type_=sa.Integer))
)
# Locked: a concurrent prompt either comes first and is seen, or finds no conversation.
_AGE = (
    sa.select((now() - table.c.updated_at).label("age"))
    .where(table.c.id == sa.bindparam("of_conversation"))
    .with_for_update()
)
_UNFINISHED = sa.select(sa.func.count()).where(
    generations.c.conversation == sa.bindparam("of_conversation")
)


class Step(NamedTuple):
    """What one step removed, and the cursor of the next; empty at the end of the table."""

    removed: list[OutboxEntry]
    cursor: str


async def remove_old(
    store: Store, cursor: str, *, days: float, visitors_days: float, most: int, most_messages: int
) -> Step:
    """Checks up to `most` conversations from the cursor on, and removes the old ones.

    Each removal is its own transaction. Stops once `most_messages` messages were removed.
    days, visitors_days: how long those of users and of visitors are kept; 0 is forever.
    """
    wanted = {"cursor": cursor, "most": most}
    rows = await store.read(lambda connection: connection.execute(_NEXT, wanted).all())
    removed = []
    for row in rows:
        seconds = (visitors_days if is_visitor(row.owner) else days) * _DAY
        if not seconds or row.age <= seconds:
            continue
        work = partial(_remove_one, user=row.owner, conversation_id=row.id, seconds=seconds)
        deleted = await store.write(work, row.owner)
        if deleted is None:
            continue
        removed.append(deleted.entry)
        most_messages -= deleted.messages
        if most_messages <= 0:
            return Step(removed, row.id)
    return Step(removed, rows[-1].id if len(rows) == most else "")


def _remove_one(
    connection: sa.Connection, *, user: str, conversation_id: str, seconds: float
) -> deletion.Deleted | None:
    """None if it is no longer that old, or is being answered."""
    where = {"of_conversation": conversation_id}
    age = connection.execute(_AGE, where).scalar()
    if age is None or age <= seconds or connection.execute(_UNFINISHED, where).scalar():
        return None
    return deletion.delete(connection, user, conversation_id)
