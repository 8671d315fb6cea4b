"""Messages as clients see them: the AI SDK's `UIMessage`, with metadata of our own."""

from collections.abc import Mapping
from typing import Any, Literal, get_args

import msgspec
from msgspec import Raw, Struct

from proxy_server.protocol.unknown import Keeping, is_whole

Status = Literal["queued", "streaming", "waiting", "complete", "stopped", "failed", "interrupted"]
"""The statuses that this version writes; a newer version may have stored others."""
Role = Literal["user", "assistant"]


ProviderMetadata = dict[str, Any]
"""Data of the model's provider about a part, which it may want back with the part."""


class TextPart(Struct, tag="text", rename="camel", omit_defaults=True, gc=False):
    text: str
    state: Literal["streaming"] | None = None
    provider_metadata: ProviderMetadata | None = None
    citations: list[Any] | None = None


class ReasoningPart(Struct, tag="reasoning", rename="camel", omit_defaults=True, gc=False):
    text: str
    state: Literal["streaming"] | None = None
    provider_metadata: ProviderMetadata | None = None


class FilePart(Struct, tag="file", rename="camel", omit_defaults=True, gc=False):
    media_type: str
    url: str
    filename: str | None = None
    provider_metadata: ProviderMetadata | None = None


class SourceUrl(Struct, tag="source-url", rename="camel", omit_defaults=True, gc=False):
    """A page that the answer cites; both the part and the chunk that adds it."""

    source_id: str
    url: str
    title: str | None = None
    provider_metadata: ProviderMetadata | None = None


KnownPart = TextPart | ReasoningPart | FilePart | SourceUrl
Part = KnownPart | Raw
"""All other parts, such as tools, are kept as JSON, and so are those of newer versions."""


class Usage(Struct, omit_defaults=True, gc=False):
    """Tokens used; `estimated` if the provider gave no figures."""

    input_tokens: int
    output_tokens: int
    reasoning_tokens: int = 0
    cached_input_tokens: int = 0
    estimated: bool = False


def added(before: Usage | None, now: Usage | None) -> Usage | None:
    """The usage of an answer that was made in two steps."""
    if before is None or now is None:
        return before or now
    return Usage(
        before.input_tokens + now.input_tokens,
        before.output_tokens + now.output_tokens,
        before.reasoning_tokens + now.reasoning_tokens,
        before.cached_input_tokens + now.cached_input_tokens,
        before.estimated or now.estimated,
    )


class Metadata(Struct, omit_defaults=True):
    """A message's data besides its parts; `created_at` is in Unix seconds.

    `versions`: if there are several versions, the ids of all in order of creation, including its
        own.
    """

    created_at: float
    status: str | None = None
    model: str | None = None
    finish_reason: str | None = None
    usage: Usage | None = None
    error: str | None = None
    versions: list[str] | None = None


class Message(Struct):
    id: str
    role: Role
    parts: list[Part]
    metadata: Metadata


class _Type(Struct):
    type: str = ""


_parts = msgspec.json.Decoder(list[KnownPart])
_raw_parts = msgspec.json.Decoder(list[Raw])
_type = msgspec.json.Decoder(_Type)
_kind = msgspec.json.Decoder(KnownPart)
_kinds: dict[type[Struct], Keeping[Any]] = {kind: Keeping(kind) for kind in get_args(KnownPart)}
_metadata = Keeping(Metadata)


def decode_parts(raw: str) -> list[Part]:
    """Parts of unknown kinds, and unknown fields, are kept as they are."""
    data = raw.encode()
    try:
        parts = list[Part](_parts.decode(data))
    except msgspec.ValidationError:
        pass
    else:
        if is_whole(parts, data):
            return parts
    return [_known_or_raw(bytes(part)) for part in _raw_parts.decode(data)]


def _known_or_raw(part: bytes) -> Part:
    try:
        kind = type(_kind.decode(part))
    except msgspec.ValidationError:
        return Raw(part)
    known: Part = _kinds[kind].decode(part)
    return known


def part_type(part: Part) -> str:
    """A part's `type`, also if the part is kept as JSON."""
    if not isinstance(part, Raw):
        return str(part.__struct_config__.tag)
    return _type.decode(part).type


def decode_metadata(raw: str) -> Metadata:
    """Unknown fields are kept as they are."""
    return _metadata.decode(raw.encode())


def more_of(metadata: Metadata) -> dict[str, Any]:
    """The unknown fields: from a responder, or from a newer version."""
    return _metadata.more_of(metadata)


def metadata_with(metadata: Metadata, more: Mapping[str, Any]) -> Metadata:
    """A copy with these in place of the unknown fields."""
    return _metadata.having(metadata, more)
