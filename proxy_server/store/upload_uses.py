"""Which messages name which uploads, and the removal of unnamed uploads.

Before messages are removed, `release` must release their uploads. Any replica then removes the
pieces in small steps; the same goes for uploads that no message ever named.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from proxy_server.errors import NotFound
from proxy_server.protocol.files import upload_id_of
from proxy_server.protocol.messages import FilePart, Part
from proxy_server.store.database import Store
from proxy_server.store.schema import (
    messages,
    now,
    upload_pieces,
    upload_uses,
    uploads,
)
from proxy_server.store.uploads import NOW, PARTS, PIECES, THERE, UPLOAD

# Per file and step, and per statement for a removed conversation.
_PIECES_AT_ONCE = 20
_NAMED_AT_ONCE = 500

_USE = (
    sa.update(uploads)
    .where(THERE)
    .values(due=None)
    .returning(uploads.c.media_type, uploads.c.filename)
)
_RELEASE = (
    sa.delete(upload_uses)
    .where(
        sa.tuple_(upload_uses.c.owner, upload_uses.c.message).in_(
            sa.select(messages.c.owner, messages.c.id).where(
                messages.c.conversation == sa.bindparam("of_conversation"),
                messages.c.ordinal >= sa.bindparam("first"),
            )
        )
    )
    .returning(upload_uses.c.owner, upload_uses.c.upload)
)
_RELEASE_THESE = (
    sa.delete(upload_uses)
    .where(
        upload_uses.c.owner == sa.bindparam("of_owner"),
        upload_uses.c.message.in_(sa.bindparam("ids", expanding=True)),
    )
    .returning(upload_uses.c.owner, upload_uses.c.upload)
)
_UNUSED = ~(
    sa.exists()
    .where(upload_uses.c.owner == uploads.c.owner, upload_uses.c.upload == uploads.c.id)
    .correlate(uploads)
)
_NEXT_DUE = (
    sa.select(uploads.c.owner, uploads.c.id, _UNUSED.label("unused"))
    .where(uploads.c.due <= NOW)
    .order_by(uploads.c.due)
    .limit(1)
    .with_for_update(skip_locked=True)
)


def use(connection: sa.Connection, user: str, message_id: str, parts: Sequence[Part]) -> None:
    """Keeps the uploads that a new message names for as long as the message.

    Its parts then describe them as stored, whatever the client said. Raises NotFound.
    """
    named = set()
    for part in parts:
        upload_id = upload_id_of(part.url) if isinstance(part, FilePart) else None
        if upload_id is None or not isinstance(part, FilePart):
            continue
        row = connection.execute(_USE, {"of_owner": user, "of_id": upload_id}).first()
        if row is None:
            raise NotFound("One of the files no longer exists. Add it again.")
        part.media_type, part.filename = row.media_type, row.filename
        named.add(upload_id)
    if named:
        rows = [{"owner": user, "message": message_id, "upload": found} for found in named]
        connection.execute(sa.insert(upload_uses), rows)


def release(connection: sa.Connection, conversation_id: str, ordinal: int) -> None:
    """Releases what the messages from `first` on name; call it before they are removed."""
    where = {"of_conversation": conversation_id, "first": ordinal}
    _let_go(connection, connection.execute(_RELEASE, where).all())


def release_these(connection: sa.Connection, user: str, ids: Sequence[str]) -> None:
    """Releases what these messages name."""
    where = {"of_owner": user, "ids": ids}
    _let_go(connection, connection.execute(_RELEASE_THESE, where).all())


def _let_go(connection: sa.Connection, released: Sequence[Any]) -> None:
    by_owner: dict[str, set[str]] = {}
    for owner, upload_id in released:
        by_owner.setdefault(owner, set()).add(upload_id)
    for owner, found in by_owner.items():
        ids = sorted(found)
        for at in range(0, len(ids), _NAMED_AT_ONCE):
            some = uploads.c.id.in_(ids[at : at + _NAMED_AT_ONCE]) & (uploads.c.owner == owner)
            # Locks first and reads in a second statement: PostgreSQL then sees what a concurrent
            # prompt has named.
            connection.execute(sa.select(uploads.c.id).where(some).with_for_update()).all()
            connection.execute(sa.update(uploads).where(some, _UNUSED).values(due=now()))


async def sweep(store: Store) -> bool:
    """Removes a few pieces of a file that is due; returns whether there may be more to do."""
    return await store.write(_sweep)


def _sweep(connection: sa.Connection) -> bool:
    row = connection.execute(_NEXT_DUE).first()
    if row is None:
        return False
    where = {"of_owner": row.owner, "of_id": row.id}
    if not row.unused:
        connection.execute(sa.update(uploads).where(UPLOAD).values(due=None), where)
        return True
    parts = connection.execute(PARTS.limit(_PIECES_AT_ONCE), where).scalars().all()
    some = upload_pieces.c.part.in_(parts)
    connection.execute(sa.delete(upload_pieces).where(PIECES, some), where)
    if len(parts) < _PIECES_AT_ONCE:
        connection.execute(sa.delete(uploads).where(UPLOAD), where)
    return True
