"""Ends an answer whose server went silent: reads back what was published, and stores it."""

from functools import partial

import structlog

from proxy_server import telemetry
from proxy_server.access.channels import Channels
from proxy_server.answers.growing_message import GrowingMessage
from proxy_server.answers.retries import until_it_succeeds
from proxy_server.delivery.announcements import Announcements
from proxy_server.delivery.server_api import History, ServerApi
from proxy_server.errors import ApiRejected, ApiUnreachable, PositionLost, StoreUnavailable
from proxy_server.protocol.chunks import MessageMetadata
from proxy_server.protocol.closing import closing_entry
from proxy_server.protocol.given import GivenMetadata
from proxy_server.protocol.messages import Metadata
from proxy_server.protocol.publications import published_chunks
from proxy_server.protocol.turns import Assignment, Finished, OutboxEntry
from proxy_server.store.generations import Leases
from proxy_server.store.turns import Turns

_ATTEMPTS = 100

log = structlog.get_logger()


class Takeover:
    """Closes assignments as `interrupted`, with all text that anyone could have seen."""

    def __init__(
        self,
        api: ServerApi,
        announcements: Announcements,
        turns: Turns,
        leases: Leases,
        channels: Channels,
    ) -> None:
        self._leases = leases
        self._api = api
        self._announcements = announcements
        self._turns = turns
        self._channels = channels

    async def close(self, assignment: Assignment, *, go_on: bool) -> Finished | None:
        """Publishes the end and stores it; returns None if another server has stored one.

        Unlike the end of an answer made here, it is published first: only once the end is in the
        channel is it certain what was published before it. But the database must have answered
        before that: a client that sees the end and then opens or regenerates must not be told that
        the answer is still being made.
        A failure other than an outage would repeat itself: then the end is only stored.
        """
        try:
            return await self._close(assignment, go_on=go_on)
        except (StoreUnavailable, ApiUnreachable):
            raise
        except Exception:
            log.exception(
                "takeover_failed",
                conversation=assignment.conversation_id,
                message=assignment.message_id,
            )
        return await until_it_succeeds(
            lambda: self._turns.put_down(assignment),
            StoreUnavailable,
            partial(_not_stored_yet, assignment),
        )

    async def _close(self, assignment: Assignment, *, go_on: bool) -> Finished | None:
        found = await self._publish(assignment)
        if found is None:
            return None
        finished = await self._store(assignment, found, go_on=go_on)
        if finished is not None:
            telemetry.GENERATIONS.labels("interrupted").inc()
            log.info(
                "generation_ended",
                conversation=assignment.conversation_id,
                message=assignment.message_id,
                user=assignment.user,
                status="interrupted",
                characters=found.growing.size(),
                publications=found.seq,
            )
        return finished

    async def _publish(self, assignment: Assignment) -> "ReadBack | None":
        """Publishes the end until it is in the channel; returns everything before it.

        Returns None if this server may not publish it any more.
        The idempotency key is that of the sequence number, whichever server publishes it. The old
        owner may still be alive, because it was paused or has only lost its database, and may use
        this number first. Then its piece is part of the answer, and the end takes the next number.
        """
        channel = self._channels.of_conversation(assignment.conversation_id)
        found = ReadBack(assignment)
        await self._read_back(found, channel)
        for _ in range(_ATTEMPTS):
            if found.closed:
                break
            if not await self._is_ours(assignment):
                return None
            closing = found.closing()
            if not found.seq:
                self._announcements.joined(assignment)
            try:
                await self._announcements.entry(closing, urgent=True)[-1]
            except ApiUnreachable:
                continue
            except ApiRejected:
                break
            await self._read_back(found, channel)
            if found.seq < closing.version:
                # the end is published, and the history was lost afterwards
                break
        return found

    async def _is_ours(self, assignment: Assignment) -> bool:
        """Whether the lease is still held. Waits while the database is down."""
        message_id = assignment.message_id
        leases = await until_it_succeeds(
            lambda: self._leases.renew([message_id]),
            StoreUnavailable,
            partial(_not_stored_yet, assignment),
        )
        return message_id in leases

    async def _store(
        self, assignment: Assignment, found: "ReadBack", *, go_on: bool
    ) -> Finished | None:
        _, parts = found.growing.ended("interrupted")
        metadata = found.metadata()
        return await until_it_succeeds(
            lambda: self._turns.finish(assignment, parts, metadata, None, go_on=go_on),
            StoreUnavailable,
            partial(_not_stored_yet, assignment),
        )

    async def _read_back(self, found: "ReadBack", channel: str) -> None:
        """Adds what the channel holds since the checkpoint, or all that it still holds.

        Waits while Centrifugo is down: users may have seen more than what is known so far.
        """
        position = found.assignment.position
        since = position if position.epoch else None

        async def history() -> History:
            try:
                return await self._api.history(channel, since)
            except PositionLost:
                return await self._api.history(channel)

        try:
            for entry in (await until_it_succeeds(history, ApiUnreachable)).entries:
                found.take(entry.data)
        except ApiRejected as error:
            log.error("history_refused", message=found.assignment.message_id, error=str(error))


def _not_stored_yet(assignment: Assignment, error: Exception) -> None:
    log.warning("end_not_stored_yet", message=assignment.message_id, error=str(error))


class ReadBack:
    """An answer as published: its checkpoint, and what the channel holds after it."""

    def __init__(self, assignment: Assignment) -> None:
        self.growing = GrowingMessage(assignment.parts)
        self._given = GivenMetadata(assignment.stored)
        self.seq = assignment.seq
        self.closed = False
        self._whole = True
        self.assignment = assignment

    def take(self, data: bytes) -> None:
        """Adds a publication of the channel, in order; skips known ones and other messages'.

        After a gap, publications still count, so that the end gets an unused number, but their text
        is left out: nobody can tell what is missing in between.
        """
        publication = published_chunks(data)
        if (
            self.closed
            or publication is None
            or publication.message_id != self.assignment.message_id
        ):
            return
        if publication.seq <= self.seq:
            return
        self._whole = self._whole and publication.seq == self.seq + 1
        self.seq = publication.seq
        self.closed = publication.closes
        if self._whole:
            self.growing.replay(publication.chunks)
            for chunk in publication.chunks:
                if isinstance(chunk, MessageMetadata):
                    self._given.replay(chunk.message_metadata)

    def metadata(self) -> Metadata:
        metadata = self._given.within(self.assignment.metadata("interrupted"))
        metadata.finish_reason = "other"
        return metadata

    def closing(self) -> OutboxEntry:
        """The publication that closes the message after this."""
        return closing_entry(
            self.assignment.conversation_id,
            self.assignment.message_id,
            self.seq + 1,
            self.growing.ended("interrupted")[0],
            self.metadata(),
            prompt=self.assignment.prompt,
            after=self.assignment.after,
        )
