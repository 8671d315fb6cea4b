"""The pieces of a streamed message: the AI SDK's `UIMessageChunk`."""

from typing import Any, get_args

from msgspec import Struct

from proxy_server.protocol.messages import Metadata, ProviderMetadata


class Start(Struct, tag="start", rename="camel", gc=False):
    message_id: str
    message_metadata: Metadata


class TextStart(Struct, tag="text-start", rename="camel", omit_defaults=True, gc=False):
    id: str
    provider_metadata: ProviderMetadata | None = None


class TextDelta(Struct, tag="text-delta", rename="camel", omit_defaults=True, gc=False):
    id: str
    delta: str
    provider_metadata: ProviderMetadata | None = None


class TextEnd(Struct, tag="text-end", rename="camel", omit_defaults=True, gc=False):
    id: str
    provider_metadata: ProviderMetadata | None = None
    citations: list[Any] | None = None


class ReasoningStart(Struct, tag="reasoning-start", rename="camel", omit_defaults=True, gc=False):
    id: str
    provider_metadata: ProviderMetadata | None = None


class ReasoningDelta(Struct, tag="reasoning-delta", rename="camel", omit_defaults=True, gc=False):
    id: str
    delta: str
    provider_metadata: ProviderMetadata | None = None


class ReasoningEnd(Struct, tag="reasoning-end", rename="camel", omit_defaults=True, gc=False):
    id: str
    provider_metadata: ProviderMetadata | None = None


class MessageMetadata(Struct, tag="message-metadata", rename="camel", gc=False):
    """The message's metadata as of now; replaces the earlier one."""

    message_metadata: Metadata


class Finish(Struct, tag="finish", rename="camel", gc=False):
    finish_reason: str
    message_metadata: Metadata


class Abort(Struct, tag="abort", rename="camel", omit_defaults=True, gc=False):
    """The answer ended early; with the message's final metadata, which the AI SDK does not have."""

    reason: str
    message_metadata: Metadata | None = None


class Error(Struct, tag="error", rename="camel", omit_defaults=True, gc=False):
    """The model failed; with the message's final metadata, which the AI SDK does not have."""

    error_text: str
    message_metadata: Metadata | None = None


TypedChunk = (
    Start
    | TextStart
    | TextDelta
    | TextEnd
    | ReasoningStart
    | ReasoningDelta
    | ReasoningEnd
    | MessageMetadata
    | Finish
    | Abort
    | Error
)
Chunk = TypedChunk | dict[str, Any]
"""Chunks of `shapes.py` that are not of text are plain JSON."""
Closing = Finish | Abort | Error
CLOSING = frozenset(kind.__struct_config__.tag for kind in get_args(Closing))
"""The types of closing chunks."""


def closing(metadata: Metadata) -> Closing:
    """The chunk that closes a message with that metadata."""
    match metadata.status:
        case "complete":
            return Finish(metadata.finish_reason or "other", metadata)
        case "failed":
            return Error(metadata.error or "", metadata)
        case status:
            return Abort(status or "interrupted", metadata)
