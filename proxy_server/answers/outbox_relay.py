"""Publishes the outbox: this server's entries at once, those of other servers when overdue."""

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import Any

import structlog

from proxy_server.access.channels import Channels
from proxy_server.delivery.announcements import Announcements
from proxy_server.delivery.server_api import ServerApi
from proxy_server.errors import ApiRejected, ApiUnreachable, StoreUnavailable
from proxy_server.protocol.sessions import Position
from proxy_server.protocol.turns import OutboxEntry
from proxy_server.store import outbox
from proxy_server.store.database import Store

_LOOK_LIMIT = 50
# After this many, another server repeats all of a deletion.
_LEASES = 3

log = structlog.get_logger()


class OutboxRelay:
    """Publishes entries, and removes those that Centrifugo has.

    lease_seconds: how long another server may go on with a deleted answer.
    """

    def __init__(
        self,
        store: Store,
        announcements: Announcements,
        api: ServerApi,
        channels: Channels,
        *,
        lease_seconds: float,
    ) -> None:
        self._lease_seconds = lease_seconds
        self._store = store
        self._announcements = announcements
        self._api = api
        self._channels = channels
        self._deletions: set[asyncio.Task[None]] = set()
        # entries being sent from here, and those that have arrived
        self._sending: set[str] = set()
        self._arrived: list[OutboxEntry] = []

    def send(self, entry: OutboxEntry) -> asyncio.Future[Position]:
        """Publishes an entry; if that fails, it stays in the outbox and is sent later.

        The future is that of the conversation's own channel.
        """
        publications = self._announcements.entry(entry)
        waiting = set(publications)

        def acknowledged(publication: asyncio.Future[Position]) -> None:
            waiting.discard(publication)
            if waiting:
                return
            if all(map(_is_settled, publications)):
                self._arrived.append(entry)
            else:
                self._sending.discard(entry.key)

        self._sending.add(entry.key)
        for publication in publications:
            publication.add_done_callback(acknowledged)
        return publications[-1]

    def delete(self, entry: OutboxEntry) -> asyncio.Task[None]:
        """Announces a deletion; removes the conversation's text and subscribers from Centrifugo.

        If that fails, the entry stays in the outbox, and everything is repeated later.
        """
        self._sending.add(entry.key)
        return self._spawn(self._delete(entry))

    async def close(self) -> None:
        for task in self._deletions:
            task.cancel()
        await asyncio.gather(*self._deletions, return_exceptions=True)

    async def send_overdue(self) -> None:
        """Publishes what other servers stored but did not publish. Raises StoreUnavailable."""
        for entry, user, summary in await outbox.overdue(self._store, _LOOK_LIMIT):
            if entry.key in self._sending:
                continue
            log.warning("published_late", conversation=entry.conversation_id, entry=entry.id)
            if entry.deleted_for is not None:
                self.delete(entry)
                continue
            self.send(entry)
            if user is not None and summary is not None:
                self._announcements.summary(user, summary)

    async def forget_arrived(self) -> None:
        """Removes from the outbox what Centrifugo has. Raises StoreUnavailable."""
        if not self._arrived:
            return
        arrived, self._arrived = self._arrived, []
        try:
            await outbox.forget(self._store, arrived)
        except BaseException:
            self._arrived += arrived
            raise
        self._sending.difference_update(entry.key for entry in arrived)

    async def _delete(self, entry: OutboxEntry) -> None:
        channel = self._channels.of_conversation(entry.conversation_id)
        settled = True
        for publication in self._announcements.entry(entry):
            settled &= await _is_carried_out(publication, channel)
        leave = self._api.unsubscribe(channel, entry.deleted_for or "")
        settled &= await _is_carried_out(leave, channel)
        settled &= await _is_carried_out(self._api.history_remove(channel), channel)
        if settled:
            self._spawn(self._delete_late_text(entry, channel))
        else:
            self._sending.discard(entry.key)

    async def _delete_late_text(self, entry: OutboxEntry, channel: str) -> None:
        """Removes text that a server published before it learned of the deletion."""
        try:
            await outbox.postpone(self._store, entry, _LEASES * self._lease_seconds)
        except StoreUnavailable as error:
            # another server then repeats the whole deletion, which changes nothing
            log.warning("store_unavailable", error=str(error))
        await asyncio.sleep(self._lease_seconds)
        if await _is_carried_out(self._api.history_remove(channel), channel):
            self._arrived.append(entry)
        else:
            self._sending.discard(entry.key)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work, name="deletion")
        self._deletions.add(task)
        task.add_done_callback(self._deletions.discard)
        return task


async def _is_carried_out(step: Awaitable[object], channel: str) -> bool:
    """Whether another try would change nothing."""
    try:
        await step
    except (ApiUnreachable, ApiRejected) as error:
        log.warning("deletion_not_carried_out", channel=channel, error=repr(error))
        return isinstance(error, ApiRejected)
    return True


def _is_settled(publication: asyncio.Future[Position]) -> bool:
    """Whether another try would change nothing."""
    return not publication.cancelled() and not isinstance(publication.exception(), ApiUnreachable)
