"""The last publication of an answer, whether its own server, another one or a cancel makes it."""

from collections.abc import Sequence

from proxy_server.protocol.chunks import Chunk, Finish, MessageMetadata, Start, closing
from proxy_server.protocol.encoding import encode
from proxy_server.protocol.messages import Message, Metadata
from proxy_server.protocol.publications import ChunksPublication
from proxy_server.protocol.turns import OutboxEntry


def closing_entry(
    conversation_id: str,
    message_id: str,
    seq: int,
    chunks: Sequence[Chunk],
    metadata: Metadata,
    *,
    prompt: Message | None = None,
    after: str | None = None,
) -> OutboxEntry:
    """The publication number `seq`, which adds the chunks and closes the message.

    prompt, after: what the answer brings with it, if this is its first publication as well.
    """
    end = closing(metadata)
    publication = ChunksPublication(message_id, seq, [*chunks, end])
    if seq == 1:
        publication.chunks = [Start(message_id, metadata), *publication.chunks]
        publication.prompt, publication.after = prompt, after
    elif not isinstance(end, Finish):
        # the AI SDK reads no metadata from other closing chunks
        publication.chunks = [*chunks, MessageMetadata(metadata), end]
    return OutboxEntry(message_id, conversation_id, seq, encode(publication))


def step_entry(
    conversation_id: str, message_id: str, seq: int, chunks: Sequence[Chunk]
) -> OutboxEntry:
    """A publication of a message that waits or goes on; stored together with its change.

    Its id differs from the message's: the next one may be stored before Centrifugo is known to have
    it.
    """
    data = encode(ChunksPublication(message_id, seq, chunks))
    return OutboxEntry(f"{message_id}:{seq}", conversation_id, seq, data)
