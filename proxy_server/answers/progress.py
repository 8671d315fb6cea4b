"""The published progress of an answer: text, number and position of the same moment."""

from collections.abc import Sequence

from proxy_server.answers.growing_message import GrowingMessage
from proxy_server.protocol.chunks import Chunk, MessageMetadata
from proxy_server.protocol.encoding import encode
from proxy_server.protocol.given import GivenMetadata
from proxy_server.protocol.messages import Metadata, Status, metadata_with
from proxy_server.protocol.publications import ChunksPublication, idempotency_key
from proxy_server.protocol.sessions import Position
from proxy_server.protocol.turns import Assignment, Checkpoint


class Progress:
    """The publications of one answer, numbered from 1, each acknowledged before the next.

    So the acknowledged text is always a prefix of the answer, and a checkpoint is exact.
    """

    def __init__(self, assignment: Assignment) -> None:
        self.growing = GrowingMessage(assignment.parts)
        self.given = GivenMetadata(assignment.stored)
        self.published = self.acknowledged = assignment.seq
        self.checkpoint_due = False
        """Whether a checkpoint is urgent: clients cannot continue from the last one."""
        self.position = assignment.position
        self._assignment = assignment
        self._stored = assignment.seq
        self._given_before = self._stored_given = self.given.acknowledged

    def next_publication(self, chunks: Sequence[Chunk]) -> tuple[bytes, str]:
        """The next publication as JSON, and its idempotency key."""
        self.published += 1
        message_id = self._assignment.message_id
        publication = ChunksPublication(message_id, self.published, chunks)
        if self.published == 1:
            publication.prompt = self._assignment.prompt
            publication.after = self._assignment.after
        return encode(publication), idempotency_key(message_id, self.published)

    def metadata(self, status: Status) -> Metadata:
        """The message's metadata, including all that its responder has given."""
        return self.given.within(self._assignment.metadata(status))

    def given_chunks(self) -> list[Chunk]:
        """The chunks for metadata that was given but not sent yet."""
        if not self.given.waits:
            return []
        streaming = self._assignment.metadata("streaming")
        return [MessageMetadata(metadata_with(streaming, more)) for more in self.given.send()]

    def acknowledge(self, position: Position) -> None:
        """The last publication was acknowledged at this position."""
        history_lost = self.position.epoch not in ("", position.epoch)
        # a queued answer's position is from before the answers ahead of it
        first_of_queued = self._assignment.was_queued and self.acknowledged == 0
        self.checkpoint_due = history_lost or first_of_queued
        self.position = position
        self.acknowledged = self.published
        self.growing.mark()
        self.given.mark()

    def checkpoint(self) -> Checkpoint | None:
        """The acknowledged progress, if that is further than the last checkpoint."""
        if self.acknowledged == self._stored:
            return None
        self._stored = self.acknowledged
        given = self.given.acknowledged
        metadata = None
        if given is not self._stored_given:
            metadata = metadata_with(self._assignment.metadata("streaming"), given)
        self._stored_given = given
        return Checkpoint(
            self._assignment.message_id,
            self.acknowledged,
            self.growing.published(),
            self.position,
            metadata,
        )

    def checkpoint_again(self) -> None:
        """Makes the next checkpoint due again: the last may not have been stored."""
        self._stored = self._assignment.seq
        self._stored_given = self._given_before
