"""Checks what a client sends before anything is changed."""

import re
from collections.abc import Sequence

from msgspec import UNSET, Raw, UnsetType

from proxy_server.errors import Malformed, TooLarge
from proxy_server.protocol.encoding import encode
from proxy_server.protocol.files import upload_id_of
from proxy_server.protocol.messages import FilePart, Part, TextPart
from proxy_server.protocol.requests import Send
from proxy_server.protocol.titles import one_line

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_KEY = re.compile(r"[A-Za-z0-9_.:-]{1,128}", re.ASCII)
_MOST_PARTS = 20
_MOST_DATA_BYTES = 8192
_MOST_PAGE = 200
MOST_BYTES = 3_000_000
"""Of one prompt as JSON: gRPC accepts 4 MB, and Centrifugo has no setting for reply sizes."""


def check_id(field: str, value: str | None) -> None:
    """Raises Malformed."""
    if value is not None and not _ID.fullmatch(value):
        raise Malformed(f"The field {field} must be 1 to 64 letters, digits, - or _.")


def check_key(value: str | None) -> None:
    """Raises Malformed."""
    if value is not None and not _KEY.fullmatch(value):
        raise Malformed("The field key must be 1 to 128 letters, digits, -, _, ., or :.")


def page_size(limit: int) -> int:
    """Raises Malformed."""
    if limit < 1:
        raise Malformed("The field limit must be at least 1.")
    return min(limit, _MOST_PAGE)


def title_from(title: str) -> str:
    """Raises Malformed if nothing is left of the title."""
    words = one_line(title)
    if not words:
        raise Malformed("The field title is empty.")
    return words


def filename_from(filename: str | None) -> str | None:
    """The name without folders: those are private to somebody's machine."""
    name = re.split(r"[/\\]", filename or "")[-1]
    return "".join(character for character in name if character.isprintable()).strip() or None


def data_from(data: Raw | UnsetType) -> str | None:
    """The client's data beside a prompt, as JSON. Raises TooLarge."""
    if data is UNSET or bytes(data) == b"null":
        return None
    if len(bytes(data)) > _MOST_DATA_BYTES:
        raise TooLarge(f"The field data is larger than {_MOST_DATA_BYTES} bytes.")
    return bytes(data).decode()


def parts_from(request: Send, most_bytes: int) -> list[Part]:
    """The parts of a prompt. Raises Malformed and TooLarge."""
    if (request.text is None) == (request.parts is None):
        raise Malformed("Give either the field text or the field parts.")
    parts: Sequence[TextPart | FilePart] = (
        [TextPart(request.text)] if request.text is not None else request.parts or []
    )
    if len(parts) > _MOST_PARTS:
        raise TooLarge(f"A prompt has at most {_MOST_PARTS} parts.")
    size = sum(map(_checked_size, parts))
    if size > most_bytes:
        raise TooLarge(f"The prompt is larger than {most_bytes} bytes.")
    # in JSON a character may take six bytes
    if size > MOST_BYTES // 6 and len(encode(parts)) > MOST_BYTES:
        raise TooLarge(f"The prompt is larger than {MOST_BYTES} bytes of JSON.")
    if not any(isinstance(part, FilePart) or part.text.strip() for part in parts):
        raise Malformed("The prompt is empty.")
    return [_fresh(part) for part in parts if isinstance(part, FilePart) or part.text]


def _fresh(part: TextPart | FilePart) -> TextPart | FilePart:
    """Keeps only what a prompt needs: the other fields of a part have no size limit here."""
    if isinstance(part, FilePart):
        return FilePart(part.media_type, part.url, filename_from(part.filename))
    return TextPart(part.text)


def _checked_size(part: TextPart | FilePart) -> int:
    content = part.url + part.media_type if isinstance(part, FilePart) else part.text
    if "\0" in content:
        raise Malformed("The prompt contains a NUL character.")
    if isinstance(part, FilePart):
        if upload_id_of(part.url) is None:
            _check_image(part)
        content += part.filename or ""
    return len(content.encode())


def _check_image(part: FilePart) -> None:
    if not part.media_type.startswith("image/"):
        raise Malformed("The field parts can hold only text, images and uploaded files.")
    # Some model servers fetch the URL themselves: without plain HTTP, their internal services, such
    # as a cloud's metadata, stay out of reach.
    if not part.url.startswith(("https://", "data:image/")):
        raise Malformed("The url of a file must begin with https://, data:image/ or upload:.")
