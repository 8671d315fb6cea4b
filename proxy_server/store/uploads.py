"""The tables of uploads and their pieces: stored as they arrive, within a user's limits.

Pieces are small rows, so that no call waits long behind a file: SQLite has one thread.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import sqlalchemy as sa

from proxy_server.errors import LimitReached, Malformed, TooLarge, Unavailable
from proxy_server.protocol.files import (
    LEAST_PIECE_BYTES,
    MOST_PIECE_BYTES,
    Piece,
)
from proxy_server.store.database import Store
from proxy_server.store.schema import now, upload_pieces, uploads

_UNUSED_SECONDS = 86_400.0
# A row costs more than its bytes: each file counts as that much at least.
LEAST_COUNTED = 10_000

OWNER: sa.BindParameter[str] = sa.bindparam("of_owner")
ID: sa.BindParameter[str] = sa.bindparam("of_id")
UPLOAD = (uploads.c.owner == OWNER) & (uploads.c.id == ID)
PIECES = (upload_pieces.c.owner == OWNER) & (upload_pieces.c.upload == ID)
# A subquery, so that PostgreSQL reads the clock once and uses the index.
NOW = sa.select(now()).scalar_subquery()
GONE = uploads.c.due.is_not(None) & (uploads.c.due <= NOW)
THERE = UPLOAD & uploads.c.whole & ~GONE

_LOCK = sa.select(uploads, GONE.label("gone")).where(UPLOAD).with_for_update()
_BEGIN = sa.insert(uploads).values(due=now() + _UNUSED_SECONDS, whole=False)


def counted() -> sa.ColumnElement[int]:
    """What files count as, all together."""
    each = sa.case((uploads.c.bytes < LEAST_COUNTED, LEAST_COUNTED), else_=uploads.c.bytes)
    return sa.cast(sa.func.coalesce(sa.func.sum(each), 0), sa.BigInteger)


_COUNTED = sa.select(counted()).where(uploads.c.owner == OWNER, ~GONE)
DATA = sa.select(upload_pieces.c.data).where(
    PIECES, upload_pieces.c.part == sa.bindparam("of_part")
)
PARTS = sa.select(upload_pieces.c.part).where(PIECES)
_INSERT = sa.insert(upload_pieces)
_COMPLETE = (
    sa.update(uploads)
    .where(UPLOAD, ~uploads.c.whole)
    .values(whole=True, due=now() + _UNUSED_SECONDS)
)


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """In bytes: for one file, and for all files of a user."""

    one: int
    all: int


class Room(Protocol):
    """A limit on files besides that of their user."""

    async def check(self, size: int) -> None:
        """Raises LimitReached."""

    def take(self, size: int) -> None: ...


async def put(
    store: Store, user: str, piece: Piece, limits: UploadLimits, room: Room | None = None
) -> list[int]:
    """Stores a piece; returns the numbers of the missing ones.

    The same piece again changes nothing. Raises Malformed, TooLarge and LimitReached; nothing is
    stored then.
    """
    missing = await store.write(lambda connection: _put(connection, user, piece))
    if missing is None:
        await _begin_in(room, store, user, piece, limits)
        missing = await store.write(lambda connection: _put(connection, user, piece))
    if missing is None:
        raise Unavailable
    if not missing:
        where = {"of_owner": user, "of_id": piece.upload_id}
        # this commit also makes the earlier pieces durable
        await store.write(lambda connection: connection.execute(_COMPLETE, where), lasting=True)
    return missing


async def _begin_in(
    room: Room | None, store: Store, user: str, piece: Piece, limits: UploadLimits
) -> None:
    size = piece.bytes or 0
    if room is not None:
        await room.check(size)
    await store.write(lambda connection: _begin(connection, user, piece, limits), user)
    if room is not None:
        # only what has begun: what is refused must take no room from others
        room.take(size)


def _put(connection: sa.Connection, user: str, piece: Piece) -> list[int] | None:
    """None if the upload has not begun.

    Locks the row, so that the call with the last piece sees all others.
    """
    where = {"of_owner": user, "of_id": piece.upload_id}
    row = connection.execute(_LOCK, where).first()
    if row is None:
        return None
    if row.gone:
        raise Unavailable("A file with this id is being removed. Try again in a minute.")
    _check_same(row, piece)
    known = connection.execute(DATA, where | {"of_part": piece.part}).scalar()
    if known is None:
        connection.execute(
            _INSERT,
            {
                "owner": user,
                "upload": piece.upload_id,
                "part": piece.part,
                "data": piece.data,
            },
        )
    elif bytes(known) != piece.data:
        raise Malformed("This piece of the file was sent before with other data.")
    there = set(connection.execute(PARTS, where).scalars())
    return [part for part in range(1, row.parts + 1) if part not in there]


def _begin(connection: sa.Connection, user: str, piece: Piece, limits: UploadLimits) -> None:
    where = {"of_owner": user, "of_id": piece.upload_id}
    if connection.execute(_LOCK, where).first() is not None:
        return
    if piece.media_type is None or piece.bytes is None:
        missing = "media_type" if piece.media_type is None else "bytes"
        raise Malformed(f"The field {missing} is missing: a new upload needs it.")
    if piece.bytes > limits.one:
        raise TooLarge(f"The file is larger than {_megabytes(limits.one)}.")
    piece_bytes = _piece_bytes(piece, piece.bytes)
    counted = connection.execute(_COUNTED, {"of_owner": user}).scalar_one()
    if counted + max(piece.bytes, LEAST_COUNTED) > limits.all:
        raise LimitReached(
            f"You can store {_megabytes(limits.all)} of files in all. "
            "Delete a conversation with files, then try again."
        )
    connection.execute(
        _BEGIN,
        {
            "owner": user,
            "id": piece.upload_id,
            "media_type": piece.media_type,
            "filename": piece.filename,
            "bytes": piece.bytes,
            "parts": piece.parts,
            "piece_bytes": piece_bytes,
        },
    )


def _piece_bytes(piece: Piece, whole: int) -> int:
    """The length of all pieces but the last, derived from any one of them. Raises Malformed."""
    size = len(piece.data)
    if piece.part == piece.parts > 1:
        size, rest = divmod(whole - size, piece.parts - 1)
        size = 0 if rest else size
    last = whole - (piece.parts - 1) * size
    if not 1 <= last <= size or (piece.part == piece.parts and last != len(piece.data)):
        raise Malformed(
            "The fields bytes, parts and data do not match: all pieces but the last must have one "
            "length."
        )
    if piece.parts > 1 and not LEAST_PIECE_BYTES <= size <= MOST_PIECE_BYTES:
        raise Malformed(
            f"All pieces but the last must be {LEAST_PIECE_BYTES} to {MOST_PIECE_BYTES} bytes long."
        )
    return size


def _check_same(row: sa.Row[Any], piece: Piece) -> None:
    for name in ("parts", "media_type", "filename", "bytes"):
        if getattr(piece, name) not in (None, getattr(row, name)):
            raise Malformed(f"The field {name} was sent before with another value for this id.")
    size = row.piece_bytes
    if piece.part == row.parts:
        size = row.bytes - (row.parts - 1) * size
    if len(piece.data) != size:
        raise Malformed(f"The field data must be {size} bytes long in this piece.")


def _megabytes(count: int) -> str:
    return f"{count / 1_000_000:.3g} MB"
