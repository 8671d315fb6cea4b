"""What is published to channels."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, get_args

import msgspec
from msgspec import Raw, Struct, field

from proxy_server.protocol.chunks import CLOSING, Chunk, Closing, MessageMetadata, Start, TypedChunk
from proxy_server.protocol.messages import Message, decode_metadata
from proxy_server.protocol.sessions import Summary
from proxy_server.protocol.shapes import WrongShapeError, checked, is_known


class MessagePublication(Struct, tag="message", omit_defaults=True, gc=False):
    """A message joined behind the one with the id `after`, or as the first."""

    message: Message
    after: str | None = None


class ChunksPublication(Struct, tag="chunks", omit_defaults=True, gc=False):
    """A piece of an answer.

    The first one has what the answer joins with: its prompt, and the id of the message before that
    where there is one. What else stood behind the prompt has left.
    """

    message: str
    seq: int
    chunks: Sequence[Chunk]
    prompt: Message | None = None
    after: str | None = None


class RemovedPublication(Struct, tag="removed", gc=False):
    """Messages that left the conversation, because an answer before them is made anew."""

    messages: list[str]


class TitlePublication(Struct, tag="title", gc=False):
    """`version` is the conversation's: an older title is to be dropped."""

    title: str
    version: int


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


class _RawChunks(Struct, tag="chunks", tag_field="type"):
    """A `chunks` publication as it is read back from a channel's history."""

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
    """The same for whoever publishes: of two publications with one number, one is published."""
    return f"{message}:{seq}"


class PublishedChunks(NamedTuple):
    """What is known here of a `chunks` publication; `closes` the message, known or not how."""

    message_id: str
    seq: int
    chunks: list[Chunk]
    closes: bool


def published_chunks(data: bytes) -> PublishedChunks | None:
    """The publication if it carries chunks; None for one of another type, or not of our making.

    Chunks of kinds that are not known here are left out: its number counts all the same.
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
        # with the fields that are not known here
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
