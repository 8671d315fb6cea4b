"""The last publication of an answer, whoever makes it: its server, its heir, or who cancels it."""

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
    """The publication of that number, which closes the message after the chunks given.

    prompt, after: what the answer joins with, where this is its first publication as well.
    """
    end = closing(metadata)
    publication = ChunksPublication(message_id, seq, [*chunks, end])
    if seq == 1:
        publication.chunks = [Start(message_id, metadata), *publication.chunks]
        publication.prompt, publication.after = prompt, after
    elif not isinstance(end, Finish):
        # the AI SDK takes no metadata from the chunks of other ends
        publication.chunks = [*chunks, MessageMetadata(metadata), end]
    return OutboxEntry(message_id, conversation_id, seq, encode(publication))


def step_entry(
    conversation_id: str, message_id: str, seq: int, chunks: Sequence[Chunk]
) -> OutboxEntry:
    """A publication within a message that waits or goes on, stored with what it publishes.

    Its id is its own: the next one may be stored before Centrifugo is known to have it.
    """
    data = encode(ChunksPublication(message_id, seq, chunks))
    return OutboxEntry(f"{message_id}:{seq}", conversation_id, seq, data)
