"""The use cases of files: a user uploads a file in pieces, and downloads it.

Every method raises a Refusal if it refuses, and StoreUnavailable if the database is down.
"""

from collections.abc import Sequence

import structlog
from msgspec import UNSET

from proxy_server.access.visitors import is_visitor
from proxy_server.errors import Malformed
from proxy_server.protocol.files import Piece, url_of
from proxy_server.protocol.requests import Downloaded, Uploaded
from proxy_server.store import files, uploads
from proxy_server.store.database import Store
from proxy_server.store.uploads import UploadLimits
from proxy_server.store.visitors_uploads import VisitorsRoom

# A client that sends several pieces at once need not know all of the missing ones.
_MOST_MISSING = 200

log = structlog.get_logger()


class Uploads:
    """media_types: the accepted ones; `image/*` stands for all images.

    of_visitors: the room for the files of all anonymous visitors together.
    """

    def __init__(
        self,
        store: Store,
        limits: UploadLimits,
        of_visitors: VisitorsRoom,
        media_types: Sequence[str],
    ) -> None:
        self._store = store
        self._limits = limits
        self._of_visitors = of_visitors
        self._media_types = media_types

    async def put(self, user: str, piece: Piece) -> Uploaded:
        """Stores a piece; returns the missing ones, or the URL of the complete file."""
        if piece.media_type is not None and not self._takes(piece.media_type):
            raise Malformed(f"Files of the type {piece.media_type} are not accepted here.")
        room = self._of_visitors if is_visitor(user) else None
        missing = await uploads.put(self._store, user, piece, self._limits, room)
        if missing:
            return Uploaded(missing=missing[:_MOST_MISSING])
        log.info("uploaded", upload=piece.upload_id, user=user, parts=piece.parts)
        return Uploaded(url=url_of(piece.upload_id))

    async def piece(self, user: str, upload_id: str, part: int) -> Downloaded:
        """Returns a piece of a complete file."""
        found = await files.read_piece(self._store, user, upload_id, part)
        info = found.info
        return Downloaded(
            found.data, found.parts, info.media_type, info.bytes, info.filename or UNSET
        )

    def _takes(self, media_type: str) -> bool:
        kind = media_type.partition("/")[0]
        return any(taken in (media_type, f"{kind}/*", "*/*") for taken in self._media_types)
