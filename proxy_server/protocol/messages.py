"""Messages as clients see them: the AI SDK's `UIMessage`, with metadata of our own."""

from typing import Literal

import msgspec
from msgspec import Struct

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


Part = TextPart | ReasoningPart | FilePart


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


_parts = msgspec.json.Decoder(list[Part])
_metadata = msgspec.json.Decoder(Metadata)


def decode_parts(raw: str) -> list[Part]:
    return _parts.decode(raw)


def decode_metadata(raw: str) -> Metadata:
    return _metadata.decode(raw)
