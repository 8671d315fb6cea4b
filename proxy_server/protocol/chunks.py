"""The pieces in which a message comes: the AI SDK's `UIMessageChunk`."""

from typing import get_args

from msgspec import Struct

from proxy_server.protocol.messages import Metadata, SourceUrl


class Start(Struct, tag="start", rename="camel", gc=False):
    message_id: str
    message_metadata: Metadata


class TextStart(Struct, tag="text-start", gc=False):
    id: str


class TextDelta(Struct, tag="text-delta", gc=False):
    id: str
    delta: str


class TextEnd(Struct, tag="text-end", gc=False):
    id: str


class ReasoningStart(Struct, tag="reasoning-start", gc=False):
    id: str


class ReasoningDelta(Struct, tag="reasoning-delta", gc=False):
    id: str
    delta: str


class ReasoningEnd(Struct, tag="reasoning-end", gc=False):
    id: str


class Finish(Struct, tag="finish", rename="camel", gc=False):
    finish_reason: str
    message_metadata: Metadata


class Abort(Struct, tag="abort", rename="camel", omit_defaults=True, gc=False):
    """The answer ended early; with the message's last metadata, which goes beyond the AI SDK."""

    reason: str
    message_metadata: Metadata | None = None


class Error(Struct, tag="error", rename="camel", omit_defaults=True, gc=False):
    """The model failed; with the message's last metadata, which goes beyond the AI SDK."""

    error_text: str
    message_metadata: Metadata | None = None


Chunk = (
    Start
    | TextStart
    | TextDelta
    | TextEnd
    | ReasoningStart
    | ReasoningDelta
    | ReasoningEnd
    | SourceUrl
    | Finish
    | Abort
    | Error
)
Closing = Finish | Abort | Error
CLOSING = frozenset(kind.__struct_config__.tag for kind in get_args(Closing))
"""Their types."""


def closing(metadata: Metadata) -> Closing:
    """The chunk that closes a message with that metadata."""
    match metadata.status:
        case "complete":
            return Finish(metadata.finish_reason or "other", metadata)
        case "failed":
            return Error(metadata.error or "", metadata)
        case status:
            return Abort(status or "interrupted", metadata)
