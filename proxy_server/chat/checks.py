"""Checks before anything is changed: ownership, and whether delivery is possible."""

from proxy_server.access.channels import Channels
from proxy_server.delivery.publisher import Publisher
from proxy_server.delivery.server_api import ServerApi
from proxy_server.errors import ApiRejected, ApiUnreachable, Forbidden, Unavailable
from proxy_server.protocol.sessions import BEGINNING, Position


class Checks:
    def __init__(self, channels: Channels, publisher: Publisher, api: ServerApi) -> None:
        self._channels = channels
        self._publisher = publisher
        self._api = api

    def deliverable(self) -> None:
        """Raises Unavailable if too much waits for delivery."""
        if self._publisher.full:
            raise Unavailable("Too many messages are waiting for delivery. Try again in a second.")

    def owned(self, user: str, conversation_id: str) -> None:
        """Raises Forbidden if the user does not own the conversation."""
        if not self._channels.owns(user, conversation_id):
            raise Forbidden

    async def position(self, user: str, conversation_id: str | None) -> Position:
        """The position of the conversation's channel, read before anything is stored.

        A client receives what is published after this position, so it must be read before the
        store. This also refuses prompts whose answers could not be delivered.
        """
        if conversation_id is None and self._publisher.reachable:
            return BEGINNING
        channel = (
            self._channels.of_user(user)[0]
            if conversation_id is None
            else self._channels.of_conversation(conversation_id)
        )
        try:
            top = (await self._api.history(channel, limit=0)).top
        except (ApiUnreachable, ApiRejected) as error:
            raise Unavailable("Answers cannot be delivered at the moment. Try again.") from error
        return BEGINNING if conversation_id is None else top

    async def top(self, channel: str) -> Position:
        """The position of a channel.

        While Centrifugo is down, this is the beginning: a client that follows from there gets more
        than it needs, or opens the conversation again.
        """
        try:
            return (await self._api.history(channel, limit=0)).top
        except (ApiUnreachable, ApiRejected):
            return BEGINNING
