"""Checks pieces of files from clients before anything is changed."""

import re

from proxy_server.calls.prompts import check_id, filename_from
from proxy_server.errors import Malformed, NotFound, TooLarge
from proxy_server.protocol.files import MOST_PIECE_BYTES, Piece, upload_id_of
from proxy_server.protocol.requests import Upload

_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9.+_-]{0,63}/[a-z0-9][a-z0-9.+_-]{0,99}", re.ASCII)
_MOST_FILENAME_BYTES = 255
_MOST_PARTS = 1_000_000


def piece_from(request: Upload) -> Piece:
    """Raises Malformed and TooLarge."""
    check_id("id", request.id)
    if not 1 <= request.parts <= _MOST_PARTS:
        raise Malformed("The field parts must be at least 1.")
    if not 1 <= request.part <= request.parts:
        raise Malformed("The field part must be between 1 and parts.")
    if not request.data:
        raise Malformed("The field data is empty.")
    if len(request.data) > MOST_PIECE_BYTES:
        raise TooLarge(f"The field data is larger than {MOST_PIECE_BYTES} bytes.")
    if request.size is not None and request.size < 1:
        raise Malformed("The field bytes must be at least 1.")
    return Piece(
        upload_id=request.id,
        part=request.part,
        parts=request.parts,
        data=request.data,
        media_type=_media_type(request.media_type),
        filename=_filename(request.filename),
        bytes=request.size,
    )


def upload_id_from(url: str) -> str:
    """Raises NotFound."""
    upload_id = upload_id_of(url)
    if upload_id is None:
        raise NotFound("This file does not exist.")
    return upload_id


def _media_type(value: str | None) -> str | None:
    """Without parameters such as the charset."""
    if value is None:
        return None
    found = value.partition(";")[0].strip().lower()
    if not _MEDIA_TYPE.fullmatch(found):
        raise Malformed("The field media_type must be a media type, such as image/png.")
    return found


def _filename(value: str | None) -> str | None:
    name = filename_from(value)
    if name is not None and len(name.encode()) > _MOST_FILENAME_BYTES:
        raise Malformed(f"The field filename is longer than {_MOST_FILENAME_BYTES} bytes.")
    return name
