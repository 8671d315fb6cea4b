"""Messages as clients see them: the AI SDK's `UIMessage`, with metadata of our own."""

from typing import Literal

import msgspec
from msgspec import Raw, Struct

Status = Literal["queued", "streaming", "complete", "stopped", "failed", "interrupted"]
Role = Literal["user", "assistant"]


class TextPart(Struct, tag="text", omit_defaults=True, gc=False):
    text: str
    state: Literal["streaming"] | None = None


class ReasoningPart(Struct, tag="reasoning", omit_defaults=True, gc=False):
    text: str
    state: Literal["streaming"] | None = None


class FilePart(Struct, tag="file", rename="camel", omit_defaults=True, gc=False):
    media_type: str
    url: str
    filename: str | None = None


class SourceUrl(Struct, tag="source-url", rename="camel", omit_defaults=True, gc=False):
    """A page that the answer cites: the part, and the chunk that adds it."""

    source_id: str
    url: str
    title: str | None = None


KnownPart = TextPart | ReasoningPart | FilePart | SourceUrl
Part = KnownPart | Raw
"""A part of a kind that is not known here is kept as it came: a newer version may have made it."""


class Usage(Struct, omit_defaults=True, gc=False):
    """Tokens paid for; `estimated` where the provider gave no figures."""

    input_tokens: int
    output_tokens: int
    reasoning_tokens: int = 0
    cached_input_tokens: int = 0
    estimated: bool = False


class Metadata(Struct, omit_defaults=True):
    """What is known of a message besides its parts; `created_at` in Unix seconds."""

    created_at: float
    status: Status | None = None
    model: str | None = None
    finish_reason: str | None = None
    usage: Usage | None = None
    error: str | None = None


class Message(Struct):
    id: str
    role: Role
    parts: list[Part]
    metadata: Metadata


_parts = msgspec.json.Decoder(list[KnownPart])
_raw_parts = msgspec.json.Decoder(list[Raw])
_part = msgspec.json.Decoder(KnownPart)
_metadata = msgspec.json.Decoder(Metadata)


def decode_parts(raw: str) -> list[Part]:
    try:
        return list(_parts.decode(raw))
    except msgspec.ValidationError:
        return [_known_or_raw(part) for part in _raw_parts.decode(raw)]


def _known_or_raw(part: Raw) -> Part:
    try:
        known: KnownPart = _part.decode(part)
        return known
    except msgspec.ValidationError:
        return Raw(bytes(part))


def decode_metadata(raw: str) -> Metadata:
    return _metadata.decode(raw)
