"""The table of conversations: ownership, creation, changes and listing.

Statements that run for each prompt are built once, with parameters: building one takes longer than
running it on SQLite.
"""

import re
from typing import Any, NamedTuple

import sqlalchemy as sa
from msgspec import UNSET

from proxy_server.errors import Forbidden
from proxy_server.protocol.messages import Status
from proxy_server.protocol.sessions import Summary
from proxy_server.protocol.turns import Turn
from proxy_server.store.cursors import parse_cursor
from proxy_server.store.database import Store
from proxy_server.store.schema import GONE, conversations, now

_CURSOR = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,12})?)_([A-Za-z0-9_-]{1,200})", re.ASCII)
_NEXT_VERSION = conversations.c.version + 1
# A conversation that is not fully indexed stays marked as such after any change.
_STILL_SEARCHED = sa.case(
    (conversations.c.searched == conversations.c.version, _NEXT_VERSION),
    else_=conversations.c.searched,
)
_CHANGED = {"version": _NEXT_VERSION, "searched": _STILL_SEARCHED}
# Parameters need names of their own: SQLAlchemy reserves the names of columns.
_ID = conversations.c.id == sa.bindparam("of_id")
_OWNER = conversations.c.owner == sa.bindparam("of_owner")
_OWNED = sa.select(conversations.c.title, conversations.c.key, conversations.c.archived).where(
    _ID, _OWNER
)
_OF_KEY = sa.select(conversations.c.id).where(_OWNER, conversations.c.key == sa.bindparam("of_key"))
_KEY = sa.select(conversations.c.key).where(_ID)
_BEGIN = (
    sa.insert(conversations)
    .values(updated_at=now(), version=1, searched=1)
    .returning(*conversations.c)
)
_SET_STATUS = (
    sa.update(conversations)
    .where(_ID)
    .values(status=sa.bindparam("new_status"), updated_at=now(), **_CHANGED)
    .returning(*conversations.c)
)
_SHOW_STATUS = (
    sa.update(conversations)
    .where(_ID)
    .values(status=sa.bindparam("new_status"), version=_NEXT_VERSION)
    .returning(*conversations.c)
)
_TAKE_UP = _SET_STATUS.values(archived=False)
_SET_TITLE = (
    sa.update(conversations)
    .where(_ID)
    .values(title=sa.bindparam("new_title"), **_CHANGED)
    .returning(*conversations.c)
)
_ARCHIVE = (
    sa.update(conversations)
    .where(_ID, _OWNER)
    .values(archived=sa.bindparam("new_archived"), **_CHANGED)
    .returning(*conversations.c)
)
_RENAME = _SET_TITLE.where(_OWNER)
_ENTITLE = _SET_TITLE.where(
    conversations.c.title
    == sa.func.coalesce(conversations.c.given_title, sa.bindparam("cut_title", type_=sa.Text)),
    conversations.c.owner != GONE,
).values(given_title=sa.bindparam("new_title"))
_REMOVE = sa.delete(conversations).where(_ID)
_GIVE_UP = (
    sa.update(conversations)
    .where(_ID)
    .values(owner=GONE, key=None, title="", given_title=None, searched=conversations.c.version)
)
_SUMMARY = sa.select(conversations).where(_ID)


def summary_of(row: sa.Row[Any]) -> Summary:
    return Summary(
        row.id,
        row.title,
        row.updated_at,
        row.status,
        row.version,
        row.key or UNSET,
        row.archived or UNSET,
    )


class Owned(NamedTuple):
    """A conversation that belongs to the caller."""

    title: str
    key: str | None
    archived: bool


def check_owned(connection: sa.Connection, user: str, conversation_id: str) -> Owned:
    """Raises Forbidden if the conversation is gone or belongs to another user."""
    row = connection.execute(_OWNED, {"of_id": conversation_id, "of_owner": user}).first()
    if row is None:
        raise Forbidden
    return Owned(*row)


def id_of_key(connection: sa.Connection, user: str, key: str) -> str | None:
    """The id of the user's conversation with this key, or None."""
    return connection.execute(_OF_KEY, {"of_owner": user, "of_key": key}).scalar()


def key_of(connection: sa.Connection, conversation_id: str) -> str | None:
    """The key that the client gave to the conversation, or None."""
    return connection.execute(_KEY, {"of_id": conversation_id}).scalar()


def begin(connection: sa.Connection, turn: Turn, status: Status) -> Summary:
    values = {
        "id": turn.conversation_id,
        "owner": turn.user,
        "title": turn.title,
        "given_title": turn.title,
        "status": status,
        "key": turn.key,
    }
    return summary_of(connection.execute(_BEGIN, values).one())


def set_status(connection: sa.Connection, conversation_id: str, status: str) -> Summary | None:
    """Returns the updated conversation, or None if it is gone."""
    row = connection.execute(_SET_STATUS, {"of_id": conversation_id, "new_status": status}).first()
    return summary_of(row) if row else None


def show_status(connection: sa.Connection, conversation_id: str, status: str) -> Summary:
    """Sets the status after another version was chosen: its place in the list stays the same."""
    values = {"of_id": conversation_id, "new_status": status}
    return summary_of(connection.execute(_SHOW_STATUS, values).one())


def take_up(connection: sa.Connection, conversation_id: str) -> Summary | None:
    """Marks a conversation as being answered, and so as not archived. None if it is gone."""
    values = {"of_id": conversation_id, "new_status": "streaming"}
    row = connection.execute(_TAKE_UP, values).first()
    return summary_of(row) if row else None


def archive(connection: sa.Connection, user: str, conversation_id: str, archived: bool) -> Summary:
    """Raises Forbidden if the conversation is gone or belongs to another user."""
    values = {"of_id": conversation_id, "of_owner": user, "new_archived": archived}
    row = connection.execute(_ARCHIVE, values).first()
    if row is None:
        raise Forbidden
    return summary_of(row)


def rename(connection: sa.Connection, user: str, conversation_id: str, title: str) -> Summary:
    """Raises Forbidden if the conversation is gone or belongs to another user."""
    values = {"of_id": conversation_id, "of_owner": user, "new_title": title}
    row = connection.execute(_RENAME, values).first()
    if row is None:
        raise Forbidden
    return summary_of(row)


def entitle(connection: sa.Connection, conversation_id: str, cut: str, new: str) -> Summary | None:
    """Replaces the title if no user gave it; returns None otherwise.

    cut: the title from the first prompt, for conversations that do not know their `given_title`.
    """
    values = {"of_id": conversation_id, "cut_title": cut, "new_title": new}
    row = connection.execute(_ENTITLE, values).first()
    return summary_of(row) if row else None


def remove(connection: sa.Connection, conversation_id: str) -> None:
    connection.execute(_REMOVE, {"of_id": conversation_id})


def give_up(connection: sa.Connection, conversation_id: str) -> None:
    """Takes it from its owner: what is left of it goes by `deletion.sweep`."""
    connection.execute(_GIVE_UP, {"of_id": conversation_id})


def owner_and_summary(
    connection: sa.Connection, conversation_id: str
) -> tuple[str, Summary] | None:
    """Returns None if the conversation is gone."""
    row = connection.execute(_SUMMARY, {"of_id": conversation_id}).first()
    return (row.owner, summary_of(row)) if row else None


async def listed(
    store: Store, user: str, limit: int, before: str | None, archived: bool = False
) -> tuple[list[Summary], str | None]:
    """One page of a user's conversations, newest first, and the cursor of the next page.

    Lists either the archived ones or the others. Raises Malformed.
    """
    c = conversations.c
    statement = (
        sa.select(conversations)
        .where(c.owner == user, c.archived == archived)
        .order_by(c.updated_at.desc(), c.id.desc())
        .limit(limit + 1)
    )
    if before is not None:
        at, last_id = parse_cursor(_CURSOR, before)
        statement = statement.where(sa.tuple_(c.updated_at, c.id) < sa.tuple_(float(at), last_id))
    rows = await store.read(lambda connection: connection.execute(statement).all())
    last = rows[limit - 1] if len(rows) > limit else None
    cursor = f"{last.updated_at!r}_{last.id}" if last else None
    return [summary_of(row) for row in rows[:limit]], cursor
