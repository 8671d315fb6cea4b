"""Adds messages that are missing in the search index, in small steps.

They are older than the index, or written by servers of the previous version. Those servers raise a
conversation's `version` but not its `searched`.
"""

from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import DBAPIError

from proxy_server.store import search
from proxy_server.store.conversations import summary_of
from proxy_server.store.database import Store
from proxy_server.store.messages import message_of
from proxy_server.store.schema import conversations, generations, messages, searched
from proxy_server.store.sql_functions import octets
from proxy_server.store.unreadable import UNREADABLE

_CONVERSATIONS, _MESSAGES = 20, 50
_BYTES = 400_000
# SQLSTATE classes: data exception, and program limit exceeded
_NOT_TAKEN = ("22", "54")
_UNSEARCHED = sa.or_(
    conversations.c.searched.is_(None), conversations.c.searched != conversations.c.version
)
_NEXT_OWNER = (
    sa.select(conversations.c.owner).where(_UNSEARCHED).order_by(conversations.c.owner).limit(1)
)
# Locked, so that a concurrent deletion runs afterwards and also removes what is added here.
_THEIRS = (
    sa.select(conversations)
    .where(conversations.c.owner == sa.bindparam("of_owner"), _UNSEARCHED)
    .order_by(conversations.c.id)
    .limit(_CONVERSATIONS)
    .with_for_update()
)
# An answer that is being made is incomplete: it is added at its end.
_MISSING = (
    sa.select(messages.c.ordinal, octets(messages.c.parts).label("size"))
    .select_from(messages)
    .outerjoin(
        searched,
        (searched.c.conversation == messages.c.conversation)
        & (searched.c.ordinal == messages.c.ordinal),
    )
    .outerjoin(
        generations,
        (generations.c.message == messages.c.id) & (generations.c.owner == messages.c.owner),
    )
    .where(
        messages.c.conversation == sa.bindparam("of_conversation"),
        searched.c.id.is_(None),
        generations.c.message.is_(None),
    )
    .order_by(messages.c.ordinal)
    .limit(sa.bindparam("most", type_=sa.Integer))
)
_READ = sa.select(messages).where(
    messages.c.conversation == sa.bindparam("of_conversation"),
    messages.c.ordinal == sa.bindparam("of_ordinal"),
)
_DONE = (
    sa.update(conversations)
    .where(conversations.c.id == sa.bindparam("of_id"))
    .values(searched=conversations.c.version)
)

log = structlog.get_logger()


async def index_some(store: Store) -> bool:
    """Indexes a limited number of messages of one user; returns whether there were any."""
    owner = await store.read(lambda connection: connection.execute(_NEXT_OWNER).scalar())
    if owner is None:
        return False
    await store.write(lambda connection: _index(connection, owner), owner)
    return True


def _index(connection: sa.Connection, owner: str) -> None:
    room = _Room(_MESSAGES, _BYTES)
    for conversation in connection.execute(_THEIRS, {"of_owner": owner}).all():
        if not _add_missing(connection, conversation, room):
            return
        search.entitle(connection, summary_of(conversation))
        connection.execute(_DONE, {"of_id": conversation.id})


class _Room:
    """The remaining size of a step; the first message always fits."""

    def __init__(self, messages: int, size: int) -> None:
        self.messages = messages
        self._bytes = size

    def take(self, size: int) -> bool:
        if self.messages == 0 or self._bytes <= 0:
            return False
        self.messages -= 1
        self._bytes -= size
        return True


def _add_missing(connection: sa.Connection, conversation: sa.Row[Any], room: _Room) -> bool:
    """Returns whether all are indexed now."""
    where = {"of_conversation": conversation.id, "most": room.messages + 1}
    for ordinal, size in connection.execute(_MISSING, where).all():
        if not room.take(size):
            return False
        place = {"of_conversation": conversation.id, "of_ordinal": ordinal}
        _add(connection, conversation, ordinal, connection.execute(_READ, place).one())
    return True


def _add(
    connection: sa.Connection, conversation: sa.Row[Any], ordinal: int, row: sa.Row[Any]
) -> None:
    """A message that cannot be indexed gets a row without words, so it is not tried again."""
    where = conversation.owner, conversation.id, ordinal
    try:
        with connection.begin_nested():
            search.add(connection, *where, message_of(row))
    except (*UNREADABLE, DBAPIError) as error:
        if isinstance(error, DBAPIError) and not _is_of_its_text(error):
            raise
        log.exception("message_not_indexed", conversation=conversation.id, message=row.id)
        search.pass_over(connection, *where, conversation.updated_at)


def _is_of_its_text(error: DBAPIError) -> bool:
    """Whether PostgreSQL rejects the text itself, so that another try would fail too."""
    return str(getattr(error.orig, "sqlstate", "")).startswith(_NOT_TAKEN)
