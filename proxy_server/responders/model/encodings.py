"""Decompresses bodies that are compressed although identity was requested."""

import zlib
from collections.abc import Callable

import brotli

_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS


def decompressor(encoding: str, first: bytes) -> Callable[[bytes], bytes] | None:
    """Returns a decompressor for the pieces of a body; None if it is plain.

    encoding: the header's value, which may be wrong.
    first: the first bytes, which decide.
    """
    if first.startswith(_GZIP_MAGIC):
        return zlib.decompressobj(_GZIP_OR_ZLIB).decompress
    encoding = encoding.strip().lower()
    if encoding == "deflate" and not _is_text(first):
        return _inflate(first)
    if encoding == "br" and not _is_text(first):
        process: Callable[[bytes], bytes] = brotli.Decompressor().process
        return process
    return None


def _is_text(first: bytes) -> bool:
    return first.lstrip()[:5] in (b"data:", b"event") or first.lstrip()[:1] in (b"{", b":", b"<")


def _inflate(first: bytes) -> Callable[[bytes], bytes]:
    """ "deflate" means zlib's format on some servers, and the raw one on others."""
    is_zlib = first[:1] == b"\x78" and int.from_bytes(first[:2], "big") % 31 == 0
    return zlib.decompressobj(zlib.MAX_WBITS if is_zlib else -zlib.MAX_WBITS).decompress
