"""The table of hidden messages: those that left the view and may come back.

All versions of a message have the same place, after the same message. The view is one path from a
conversation's first message to its end; this table holds the other branches.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from proxy_server.protocol.encoding import encode
from proxy_server.protocol.messages import Role, decode_metadata
from proxy_server.store import upload_uses
from proxy_server.store.schema import hidden_messages, messages

FIRST = ""
"""The parent of a conversation's first message."""

MOST_VERSIONS = 50
"""Per message. Beyond that the oldest version is removed, with what followed it."""

# SQLite and PostgreSQL accept some 32,000 parameters
_MOST_IDS = 1_000
_h, _m = hidden_messages, messages
# `made` is NULL for messages older than versions
_MOVED = [column.name for column in _m.c if column.name in _h.c and column.name != "made"]
_before = messages.alias("before")
_OWNER = _h.c.owner == sa.bindparam("of_owner")
_IN_VIEW = (_m.c.conversation == sa.bindparam("of_conversation")) & (
    _m.c.ordinal >= sa.bindparam("first")
)
_BEFORE = (_before.c.conversation == sa.bindparam("of_conversation")) & (
    _before.c.ordinal == sa.bindparam("first") - 1
)
_HIDE = sa.insert(_h).from_select(
    [*_MOVED, "made", "parent"],
    sa.select(
        *(_m.c[name] for name in _MOVED),
        sa.func.coalesce(_m.c.made, 0),
        sa.func.coalesce(_before.c.id, FIRST),
    )
    .select_from(_m)
    .outerjoin(
        _before,
        (_before.c.conversation == _m.c.conversation) & (_before.c.ordinal == _m.c.ordinal - 1),
    )
    .where(_IN_VIEW),
)
_LEAVE = sa.delete(_m).where(_IN_VIEW).returning(_m.c.id)
_THESE = _OWNER & _h.c.id.in_(sa.bindparam("ids", expanding=True))
_SHOW = sa.insert(_m).from_select(
    [*_MOVED, "made"], sa.select(*(_h.c[name] for name in _MOVED), _h.c.made).where(_THESE)
)
_REMOVE = sa.delete(_h).where(_THESE)
_SOME = (
    sa.select(_h.c.owner, _h.c.id)
    .where(_h.c.conversation == sa.bindparam("of_conversation"))
    .limit(sa.bindparam("most", type_=sa.Integer))
)
_FIND = sa.select(_h.c.conversation, _h.c.parent, _h.c.ordinal, _h.c.role).where(
    _OWNER, _h.c.id == sa.bindparam("of_id")
)
_SIBLINGS = (
    sa.select(_h.c.id)
    .where(
        _h.c.conversation == sa.bindparam("of_conversation"),
        _h.c.ordinal == sa.bindparam("first"),
        _h.c.parent
        == sa.func.coalesce(sa.select(_before.c.id).where(_BEFORE).scalar_subquery(), FIRST),
    )
    .order_by(_h.c.made, _h.c.id)
)
# The hidden versions of the messages in view, from an ordinal on.
_OTHERS = (
    sa.select(_h.c.ordinal, _h.c.made, _h.c.id)
    .select_from(_h)
    .outerjoin(
        _before,
        (_before.c.conversation == _h.c.conversation) & (_before.c.ordinal == _h.c.ordinal - 1),
    )
    .where(
        _h.c.conversation == sa.bindparam("of_conversation"),
        _h.c.ordinal >= sa.bindparam("first"),
        _h.c.parent == sa.func.coalesce(_before.c.id, FIRST),
    )
)
_LABELS = sa.select(_m.c.ordinal, _m.c.id, _m.c.made, _m.c.metadata).where(_IN_VIEW)
_LABEL = (
    sa.update(_m)
    .where(
        _m.c.conversation == sa.bindparam("of_conversation"),
        _m.c.ordinal == sa.bindparam("of_ordinal"),
    )
    .values(metadata=sa.bindparam("new_metadata"))
)


def _walk(*, down: bool) -> sa.Select[Any]:
    """Walks from a hidden message along hidden ones: to those that follow, or back."""
    columns = (_h.c.conversation, _h.c.id, _h.c.parent, _h.c.ordinal, _h.c.made)
    seen = (
        sa.select(*columns)
        .where(_OWNER, _h.c.id == sa.bindparam("of_id"))
        .cte("seen", recursive=True)
    )
    behind = (
        (_h.c.conversation == seen.c.conversation)
        & (_h.c.ordinal == seen.c.ordinal + 1)
        & (_h.c.parent == seen.c.id)
    )
    onward = behind if down else _OWNER & (_h.c.id == seen.c.parent)
    walked = seen.union_all(sa.select(*columns).join(seen, onward))
    return sa.select(walked.c.id, walked.c.parent, walked.c.ordinal, walked.c.made).order_by(
        walked.c.ordinal
    )


_UP, _DOWN = _walk(down=False), _walk(down=True)


class Hidden(NamedTuple):
    """The place of a hidden message."""

    conversation_id: str
    parent: str
    ordinal: int
    role: Role


class Step(NamedTuple):
    """A hidden message on a walk."""

    id: str
    parent: str
    ordinal: int
    made: int


def find(connection: sa.Connection, user: str, message_id: str) -> Hidden | None:
    row = connection.execute(_FIND, {"of_owner": user, "of_id": message_id}).first()
    return Hidden(*row) if row else None


def hide(connection: sa.Connection, conversation_id: str, ordinal: int) -> list[str]:
    """Moves all messages from `first` on out of the view; returns their ids."""
    where = {"of_conversation": conversation_id, "first": ordinal}
    connection.execute(_HIDE, where)
    return list(connection.execute(_LEAVE, where).scalars())


def show(connection: sa.Connection, user: str, branch: Sequence[Step]) -> None:
    """Moves hidden messages to the end of the view."""
    for these in _some(user, [step.id for step in branch]):
        connection.execute(_SHOW, these)
        connection.execute(_REMOVE, these)


def versions_with(
    connection: sa.Connection, user: str, conversation_id: str, ordinal: int, message_id: str
) -> list[str]:
    """The ids of all versions of a new message whose predecessors were just hidden.

    Removes the oldest version, with what followed it, if there are too many.
    """
    where = {"of_conversation": conversation_id, "first": ordinal}
    others = list(connection.execute(_SIBLINGS, where).scalars())
    while len(others) >= MOST_VERSIONS:
        oldest = {"of_owner": user, "of_id": others.pop(0)}
        behind = [row.id for row in connection.execute(_DOWN, oldest)]
        upload_uses.release_these(connection, user, behind)
        for these in _some(user, behind):
            connection.execute(_REMOVE, these)
    return [*others, message_id]


def branch_of(connection: sa.Connection, user: str, message_id: str) -> list[Step]:
    """The branch that comes into view with a hidden message.

    It is the message, the hidden ones before it, and the newest path after it.
    """
    this = {"of_owner": user, "of_id": message_id}
    up = [Step(*row) for row in connection.execute(_UP, this).all()]
    below = {row.id: Step(*row) for row in connection.execute(_DOWN, this).all()}
    inner = {step.parent for step in below.values()}
    ends = [step for step in below.values() if step.id not in inner]
    step = max(ends, key=lambda end: (end.made, end.ordinal))
    down = []
    while step.id != message_id:
        down.append(step)
        step = below[step.parent]
    return up + down[::-1]


def label(connection: sa.Connection, conversation_id: str, ordinal: int) -> None:
    """Writes its versions into each message in view from `first` on."""
    where = {"of_conversation": conversation_id, "first": ordinal}
    others: defaultdict[int, list[tuple[int, str]]] = defaultdict(list)
    for row in connection.execute(_OTHERS, where).all():
        others[row.ordinal].append((row.made, row.id))
    changed = []
    for shown in connection.execute(_LABELS, where).all():
        metadata = decode_metadata(shown.metadata)
        known, metadata.versions = metadata.versions, None
        if found := others.get(shown.ordinal):
            metadata.versions = [key for _, key in sorted([*found, (shown.made or 0, shown.id)])]
        if metadata.versions != known:
            changed.append(
                {
                    "of_conversation": conversation_id,
                    "of_ordinal": shown.ordinal,
                    "new_metadata": encode(metadata).decode(),
                }
            )
    if changed:
        connection.execute(_LABEL, changed)


def id_at(connection: sa.Connection, conversation_id: str, ordinal: int) -> str | None:
    """None if nothing is in view."""
    statement = sa.select(messages.c.id).where(
        messages.c.conversation == conversation_id, messages.c.ordinal == ordinal
    )
    return connection.execute(statement).scalar()


def last_status(connection: sa.Connection, conversation_id: str) -> str:
    """The status of the last answer."""
    statement = (
        sa.select(messages.c.metadata)
        .where(messages.c.conversation == conversation_id)
        .order_by(messages.c.ordinal.desc())
        .limit(1)
    )
    metadata = connection.execute(statement).scalar()
    return (decode_metadata(metadata).status if metadata else None) or "complete"


def remove_some(connection: sa.Connection, conversation_id: str, most: int) -> int:
    """Removes so many at most; gives how many there were."""
    rows = connection.execute(_SOME, {"of_conversation": conversation_id, "most": most}).all()
    if rows:
        user, ids = rows[0].owner, [row.id for row in rows]
        upload_uses.release_these(connection, user, ids)
        for these in _some(user, ids):
            connection.execute(_REMOVE, these)
    return len(rows)


def _some(user: str, ids: Sequence[str]) -> Iterator[dict[str, object]]:
    """The parameters in groups, one per statement."""
    for at in range(0, len(ids), _MOST_IDS):
        yield {"of_owner": user, "ids": ids[at : at + _MOST_IDS]}
