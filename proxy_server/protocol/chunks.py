"""The client protocol's messages, chunks and publications as values, and their JSON.

Names are those of the Vercel AI SDK (`UIMessage`, `UIMessageChunk`); docs/protocol.md describes
them. Everything here is a value: what decides lives elsewhere.
"""

from collections.abc import Sequence
from typing import Any, Literal, TypeVar

import msgspec
from msgspec import UNSET, Struct, UnsetType, field

from proxy_server.errors import Malformed

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
    | Finish
    | Abort
    | Error
)
Closing = Finish | Abort | Error


def closing(metadata: Metadata) -> Closing:
    """The chunk that closes a message with that metadata."""
    match metadata.status:
        case "complete":
            return Finish(metadata.finish_reason or "other", metadata)
        case "failed":
            return Error(metadata.error or "", metadata)
        case status:
            return Abort(status or "interrupted", metadata)


class Position(Struct, frozen=True, gc=False):
    """A place in a channel's history, as Centrifugo acknowledged it."""

    offset: int
    epoch: str


BEGINNING = Position(0, "")
"""Before the first publication of a channel that nobody has published to yet."""


class GenerationState(Struct, frozen=True, gc=False):
    """How far the answer in a session has come: `seq` is the last publication it contains."""

    message: str
    seq: int
    status: Literal["queued", "streaming"]


class Session(Struct):
    """Everything needed to show a conversation and to follow it live.

    `next` is the cursor of `ai:history` for the messages before these, where there are any.
    """

    conversation: str
    channel: str
    title: str
    messages: list[Message]
    since: Position
    generation: GenerationState | None
    next: str | UnsetType = UNSET


class Summary(Struct, gc=False):
    """A conversation as it stands in its owner's list; `updated_at` in Unix seconds."""

    id: str
    title: str
    updated_at: float
    status: Status


class MessagePublication(Struct, tag="message", gc=False):
    message: Message


class ChunksPublication(Struct, tag="chunks", gc=False):
    message: str
    seq: int
    chunks: Sequence[Chunk]


class RemovedPublication(Struct, tag="removed", gc=False):
    """Messages that left the conversation, because an answer before them is made anew."""

    messages: list[str]


class TitlePublication(Struct, tag="title", gc=False):
    title: str


class DeletedPublication(Struct, tag="deleted", omit_defaults=True, gc=False):
    """The conversation is gone; on a user's own channel it names which."""

    conversation: str | None = None


class ConversationPublication(Struct, tag="conversation", gc=False):
    conversation: Summary


class SyncPublication(Struct, tag="sync", gc=False):
    """Nothing to show: it lets Centrifugo see that a connection has missed what came before."""


Publication = (
    MessagePublication
    | ChunksPublication
    | RemovedPublication
    | TitlePublication
    | DeletedPublication
    | ConversationPublication
    | SyncPublication
)


class PublishedChunks(Struct, tag="chunks", tag_field="type"):
    """A `chunks` publication as it is read back from a channel's history."""

    message: str
    seq: int
    chunks: list[Chunk]


class _Kind(Struct):
    type: str = field(default="")


_MOST_CHARACTERS = 100
_encoder = msgspec.json.Encoder()
_published = msgspec.json.Decoder(PublishedChunks)
_kind = msgspec.json.Decoder(_Kind)
_parts = msgspec.json.Decoder(list[Part])
_metadata = msgspec.json.Decoder(Metadata)
_ids = msgspec.json.Decoder(list[str])
_T = TypeVar("_T")


def encode(value: Any) -> bytes:
    """Any value of this module as JSON."""
    return _encoder.encode(value)


def decode_parts(raw: str) -> list[Part]:
    return _parts.decode(raw)


def decode_metadata(raw: str) -> Metadata:
    return _metadata.decode(raw)


def decode_ids(raw: str) -> list[str]:
    return _ids.decode(raw)


def idempotency_key(message: str, seq: int) -> str:
    """The same for whoever publishes: of two publications with one number, one is published."""
    return f"{message}:{seq}"


def published_chunks(data: bytes) -> PublishedChunks | None:
    """The publication if it carries chunks; None for one of another type, or not of our making."""
    try:
        return _published.decode(data) if _kind.decode(data).type == "chunks" else None
    except msgspec.MsgspecError:
        return None


def decode_request(data: bytes, shape: type[_T]) -> _T:
    """A client's request; fields that the shape does not know are ignored.

    Raises Malformed with a sentence that names the field.
    """
    try:
        return msgspec.json.decode(data or b"{}", type=shape)
    except msgspec.ValidationError as error:
        problem, _, place = str(error).partition(" - at ")
        # without the value that was given, which may be long and is not for the log
        problem = problem.partition(" '")[0][:_MOST_CHARACTERS]
        name = place.strip("`").removeprefix("$").removeprefix(".")
        where = f"The field {name}" if name else "The request"
        raise Malformed(f"{where} is not valid: {problem[:1].lower()}{problem[1:]}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed("The request is not valid JSON.") from error
