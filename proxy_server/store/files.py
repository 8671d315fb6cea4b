"""Reads complete uploads: for their owner, and for the server that makes an answer."""

from typing import Any

import sqlalchemy as sa

from proxy_server.errors import Malformed, NotFound
from proxy_server.protocol.files import FileInfo, FilePiece, upload_id_of
from proxy_server.store.database import Store
from proxy_server.store.schema import upload_pieces, uploads
from proxy_server.store.uploads import DATA, PIECES, THERE

# SQLite has one thread: other work runs between two reads.
_PIECES_AT_ONCE = 4

_ABOUT = sa.select(
    uploads.c.media_type, uploads.c.filename, uploads.c.bytes, uploads.c.parts
).where(THERE)
_READ = (
    sa.select(upload_pieces.c.data)
    .where(PIECES, upload_pieces.c.part.between(sa.bindparam("first"), sa.bindparam("last")))
    .order_by(upload_pieces.c.part)
)


async def read_piece(store: Store, user: str, upload_id: str, part: int) -> FilePiece:
    """Raises NotFound and Malformed."""

    def work(connection: sa.Connection) -> FilePiece:
        where = {"of_owner": user, "of_id": upload_id}
        row = connection.execute(_ABOUT, where).first()
        if row is None:
            raise NotFound("This file does not exist.")
        data = connection.execute(DATA, where | {"of_part": part}).scalar()
        if data is None:
            raise Malformed(f"The field part must be between 1 and {row.parts}.")
        return FilePiece(bytes(data), row.parts, FileInfo(row.media_type, row.filename, row.bytes))

    return await store.read(work)


class UploadedFiles:
    """The files of one user, for the server that makes an answer."""

    def __init__(self, store: Store, user: str) -> None:
        self._store = store
        self._user = user

    async def about(self, url: str) -> FileInfo | None:
        row = await self._row(url)
        return FileInfo(row.media_type, row.filename, row.bytes) if row else None

    async def read(self, url: str) -> bytes | None:
        row = await self._row(url)
        if row is None:
            return None
        where = {"of_owner": self._user, "of_id": upload_id_of(url)}
        found: list[bytes] = []
        for first in range(1, row.parts + 1, _PIECES_AT_ONCE):
            found += await self._pieces(
                where | {"first": first, "last": first + _PIECES_AT_ONCE - 1}
            )
        # None: removed during the read
        return b"".join(found) if len(found) == row.parts else None

    async def _pieces(self, where: dict[str, Any]) -> list[bytes]:
        return await self._store.read(
            lambda connection: [bytes(row.data) for row in connection.execute(_READ, where)]
        )

    async def _row(self, url: str) -> Any:
        where = {"of_owner": self._user, "of_id": upload_id_of(url)}
        return await self._store.read(lambda connection: connection.execute(_ABOUT, where).first())
