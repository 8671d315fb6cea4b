"""Publications other than pieces of an answer, on the channels of conversations and users."""

import asyncio
from collections.abc import Sequence

from proxy_server.access.channels import Channels
from proxy_server.delivery.publisher import Publisher
from proxy_server.protocol.encoding import encode
from proxy_server.protocol.messages import Message
from proxy_server.protocol.publications import (
    ConversationPublication,
    DeletedPublication,
    MessagePublication,
    Publication,
    RemovedPublication,
)
from proxy_server.protocol.sessions import Position, Summary
from proxy_server.protocol.turns import Assignment, OutboxEntry

_MOST_REMOVED = 1_000


class Announcements:
    """Tells clients what has changed besides the text of an answer.

    The key of each publication is derived from its content, so that Centrifugo drops it if a second
    server publishes it. What is not in the outbox may be lost with its server: a client finds it in
    an answer's first publication, or sees by `after` or `version` that something is missing or old.
    """

    def __init__(self, publisher: Publisher, channels: Channels) -> None:
        self._publisher = publisher
        self._channels = channels

    def removed(self, assignment: Assignment, removed: Sequence[str]) -> None:
        """Messages that left the view; many are announced only by the first publication."""
        if len(removed) > _MOST_REMOVED:
            return
        publication = RemovedPublication(list(removed))
        self._to_conversation(assignment, publication, "removed")

    def joined(self, assignment: Assignment, *, queued: bool = False) -> None:
        """The prompt to be answered, and the answer if that is queued."""
        prompt = assignment.prompt
        if prompt is None:
            return
        self._to_conversation(assignment, MessagePublication(prompt, assignment.after), "user")
        if queued:
            metadata = assignment.metadata("queued")
            answer = Message(assignment.message_id, "assistant", [], metadata)
            self._to_conversation(assignment, MessagePublication(answer, prompt.id), "assistant")

    def entry(self, entry: OutboxEntry, *, urgent: bool = False) -> list[asyncio.Future[Position]]:
        """Publishes an outbox entry; the conversation's own channel comes last."""
        published: list[asyncio.Future[Position]] = []
        if entry.deleted_for is not None:
            deleted = DeletedPublication(entry.conversation_id)
            published += self._to_user(
                entry.deleted_for, deleted, f"{entry.conversation_id}:deleted"
            )
        channel = self._channels.of_conversation(entry.conversation_id)
        last = self._publisher.post(channel, entry.data, entry.key, urgent=urgent, state=entry.id)
        return [*published, last]

    def summary(self, user: str, summary: Summary) -> None:
        """A conversation's entry in its user's list."""
        key = f"{summary.id}:{summary.version}:summary"
        self._to_user(user, ConversationPublication(summary), key, state=summary.id)

    def _to_conversation(self, assignment: Assignment, publication: Publication, kind: str) -> None:
        channel = self._channels.of_conversation(assignment.conversation_id)
        self._publisher.post(channel, encode(publication), f"{assignment.message_id}:{kind}")

    def _to_user(
        self, user: str, publication: Publication, key: str, *, state: str | None = None
    ) -> list[asyncio.Future[Position]]:
        data = encode(publication)
        return [
            self._publisher.post(channel, data, key, state=state)
            for channel in self._channels.of_user(user)
        ]
