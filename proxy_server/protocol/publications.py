"""The publications sent to channels."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, get_args

import msgspec
from msgspec import Raw, Struct, field

from proxy_server.protocol.chunks import CLOSING, Chunk, Closing, MessageMetadata, Start, TypedChunk
from proxy_server.protocol.messages import Message, decode_metadata
from proxy_server.protocol.sessions import Summary
from proxy_server.protocol.shapes import WrongShapeError, checked, is_known


class MessagePublication(Struct, tag="message", omit_defaults=True, gc=False):
    """A new message, after the one with the id `after`, or the first."""

    message: Message
    after: str | None = None


class ChunksPublication(Struct, tag="chunks", omit_defaults=True, gc=False):
    """A piece of an answer.

    The first one contains the answer's prompt, and the id of the message before the prompt, if any.
    Anything else that was after that message has left the view.
    """

    message: str
    seq: int
    chunks: Sequence[Chunk]
    prompt: Message | None = None
    after: str | None = None


class RemovedPublication(Struct, tag="removed", gc=False):
    """Messages that left the view, because an answer before them is regenerated."""

    messages: list[str]


class TitlePublication(Struct, tag="title", gc=False):
    """`version` is the conversation's; drop an older title."""

    title: str
    version: int


class DeletedPublication(Struct, tag="deleted", omit_defaults=True, gc=False):
    """The conversation is deleted; on a user's own channel, it names which one."""

    conversation: str | None = None


class ConversationPublication(Struct, tag="conversation", gc=False):
    conversation: Summary


class SyncPublication(Struct, tag="sync", gc=False):
    """Carries nothing: it lets Centrifugo see that a connection has missed something."""


Publication = (
    MessagePublication
    | ChunksPublication
    | RemovedPublication
    | TitlePublication
    | DeletedPublication
    | ConversationPublication
    | SyncPublication
)


class _RawChunks(Struct, tag="chunks", tag_field="type"):
    """A `chunks` publication as read back from a channel's history."""

    message: str
    seq: int
    chunks: list[Raw]


class _RawMetadata(Struct, rename="camel"):
    message_metadata: Raw


class _Kind(Struct):
    type: str = field(default="")


_published = msgspec.json.Decoder(_RawChunks)
_kind = msgspec.json.Decoder(_Kind)
_told = msgspec.json.Decoder(_RawMetadata)
_chunk = msgspec.json.Decoder(TypedChunk)
_Telling = Start | MessageMetadata | Closing
_TYPED = frozenset(kind.__struct_config__.tag for kind in get_args(TypedChunk))


def idempotency_key(message: str, seq: int) -> str:
    """The same for any server: of two publications with one number, only one is published."""
    return f"{message}:{seq}"


class PublishedChunks(NamedTuple):
    """The known content of a `chunks` publication; an unreadable chunk can close, too."""

    message_id: str
    seq: int
    chunks: list[Chunk]
    closes: bool


def published_chunks(data: bytes) -> PublishedChunks | None:
    """The publication if it carries chunks; None for another type, or one not made by us.

    Chunks of unknown kinds are left out; the publication's number counts all the same.
    """
    try:
        if _kind.decode(data).type != "chunks":
            return None
        found = _published.decode(data)
        closes = any(_kind.decode(chunk).type in CLOSING for chunk in found.chunks)
    except msgspec.MsgspecError:
        return None
    return PublishedChunks(found.message, found.seq, [*_known(found.chunks)], closes)


def _typed(chunk: Raw) -> Chunk:
    found: TypedChunk = _chunk.decode(chunk)
    if isinstance(found, _Telling) and found.message_metadata is not None:
        # including unknown fields
        metadata = bytes(_told.decode(chunk).message_metadata)
        found.message_metadata = decode_metadata(metadata.decode())
    return found


def _known(chunks: Iterable[Raw]) -> Iterator[Chunk]:
    for chunk in chunks:
        try:
            kind = _kind.decode(chunk).type
            if kind in _TYPED:
                yield _typed(chunk)
            elif is_known(kind):
                yield checked(msgspec.json.decode(chunk))
        except (msgspec.ValidationError, WrongShapeError):
            continue
