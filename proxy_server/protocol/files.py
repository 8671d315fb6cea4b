"""Users' files: pieces in transfer, metadata, and reading the content."""

import re
from base64 import b64decode
from dataclasses import dataclass
from typing import NamedTuple, Protocol
from urllib.parse import unquote_to_bytes

MOST_PIECE_BYTES = 65_536
LEAST_PIECE_BYTES = 4_096
"""Of each piece but the last: with smaller pieces, a file would have too many rows."""

_URL = re.compile(r"upload:([A-Za-z0-9_-]{1,64})", re.ASCII)
_DATA_URL = re.compile(r"data:([^,;]*)((?:;[^,;]*)*),", re.ASCII)


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of a file, valid as far as that can be checked without the others.

    part: from 1 to `parts`.
    media_type, filename, bytes: of the whole file, if this piece has them.
    """

    upload_id: str
    part: int
    parts: int
    data: bytes
    media_type: str | None = None
    filename: str | None = None
    bytes: int | None = None


class FileInfo(NamedTuple):
    """A file's metadata."""

    media_type: str
    filename: str | None
    bytes: int


class FilePiece(NamedTuple):
    """One piece of a complete file."""

    data: bytes
    parts: int
    info: FileInfo


class Files(Protocol):
    """The files of one user."""

    async def about(self, url: str) -> FileInfo | None:
        """None if there is no such file, or no longer."""

    async def read(self, url: str) -> bytes | None:
        """The whole content; None if there is no such file, or no longer."""


class NoFiles:
    """For users without uploads."""

    async def about(self, url: str) -> FileInfo | None:
        del url
        return None

    async def read(self, url: str) -> bytes | None:
        del url
        return None


def url_of(upload_id: str) -> str:
    """The URL of an upload in the parts of a message."""
    return f"upload:{upload_id}"


def upload_id_of(url: str) -> str | None:
    """None if the URL is not that of an upload."""
    found = _URL.fullmatch(url)
    return found[1] if found else None


def from_data_url(url: str) -> bytes | None:
    """The content of a data URL; None for any other or a broken one."""
    found = _DATA_URL.match(url)
    if found is None:
        return None
    content = unquote_to_bytes(url[found.end() :])
    if not found[2].lower().endswith(";base64"):
        return content
    try:
        return b64decode(content)
    except ValueError:
        return None
