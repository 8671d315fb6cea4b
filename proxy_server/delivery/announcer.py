"""Publications besides the pieces of an answer: to a conversation's channel, and to its user's."""

import asyncio
import uuid
from itertools import count

from proxy_server.access.channels import Channels
from proxy_server.delivery.publisher import Publisher
from proxy_server.protocol.encoding import encode
from proxy_server.protocol.publications import (
    ConversationPublication,
    DeletedPublication,
    MessagePublication,
    Publication,
    RemovedPublication,
    TitlePublication,
)
from proxy_server.protocol.sessions import Position, Summary
from proxy_server.store.outbox import LastPublication
from proxy_server.store.rows import Opening


class Announcer:
    """Tells those who look on what has changed besides a text.

    What another server may have to tell once more has a key that follows from what it is, so that
    Centrifugo drops the second; clients drop it too, later than Centrifugo remembers.
    """

    def __init__(self, publisher: Publisher, channels: Channels) -> None:
        self._publisher = publisher
        self._channels = channels
        self._origin = uuid.uuid4().hex
        self._numbers = count()

    def opening(self, opening: Opening) -> None:
        """What an answer replaces, and the messages that joined with it."""
        channel = self._channels.of_conversation(opening.conversation)
        if opening.removed:
            removed = encode(RemovedPublication(opening.removed))
            self._publisher.post(channel, removed, f"{opening.answer}:removed")
        for message in opening.messages:
            joined = encode(MessagePublication(message))
            self._publisher.post(channel, joined, f"{opening.answer}:{message.role}")

    def last(
        self, last: LastPublication, *, urgent: bool = False
    ) -> list[asyncio.Future[Position]]:
        """The end of an answer, or of a conversation; the one on its own channel comes last."""
        told: list[asyncio.Future[Position]] = []
        if last.opening is not None:
            self.opening(last.opening)
        if last.owner is not None:
            deleted = DeletedPublication(last.conversation)
            told += self._tell_user(last.owner, deleted, f"{last.conversation}:deleted")
        channel = self._channels.of_conversation(last.conversation)
        return [*told, self._publisher.post(channel, last.data, last.key, urgent=urgent)]

    def title(self, user: str, summary: Summary) -> None:
        """A conversation has another title."""
        channel = self._channels.of_conversation(summary.id)
        self._publisher.post(channel, encode(TitlePublication(summary.title)), self._new_key())
        self.summary(user, summary)

    def summary(self, user: str, summary: Summary) -> None:
        """How a conversation stands in its user's list."""
        self._tell_user(user, ConversationPublication(summary), self._new_key())

    def _tell_user(
        self, user: str, publication: Publication, key: str
    ) -> list[asyncio.Future[Position]]:
        data = encode(publication)
        return [
            self._publisher.post(channel, data, key) for channel in self._channels.of_user(user)
        ]

    def _new_key(self) -> str:
        return f"{self._origin}:{next(self._numbers)}"
