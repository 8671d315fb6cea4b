"""The end of an answer whose server went silent: what was published is read back and stored."""

import asyncio
from collections.abc import Sequence

import structlog

from proxy_server import metrics
from proxy_server.channels import Channels
from proxy_server.chunks import Abort, Error, Finish, Metadata, Part, Start, published_chunks
from proxy_server.errors import ApiRejected, ApiUnreachable, PositionLost, StoreUnavailable
from proxy_server.leases import Assignment, Finished, Leases
from proxy_server.outbox import LastPublication
from proxy_server.publisher import Publisher
from proxy_server.server_api import HistoryEntry, ServerApi
from proxy_server.transcript import Transcript

log = structlog.get_logger()

_ATTEMPTS = 3
_PUBLISH_SECONDS = 5.0
_AGAIN_SECONDS = 1.0


class Takeover:
    """Closes assignments as `interrupted`, with all text that anyone could have seen."""

    def __init__(
        self, api: ServerApi, publisher: Publisher, leases: Leases, channels: Channels
    ) -> None:
        self._api = api
        self._publisher = publisher
        self._leases = leases
        self._channels = channels

    async def close(
        self, assignment: Assignment, *, go_on: bool
    ) -> tuple[Finished, LastPublication] | None:
        """Stores the end and gives it with its publication; None where somebody else has."""
        metadata = Metadata(assignment.created_at, "interrupted", assignment.model, "other")
        found = await self._read_back(assignment)
        last = found.end(metadata)
        finished = await self._leases.finish(
            assignment, found.transcript.parts(), metadata, last, go_on=go_on
        )
        if finished is None:
            return None
        # The key is that of the sequence number, whoever publishes it: should the silent server
        # wake up in this moment, either its piece gets this number or our end does. Reading back
        # once more tells which.
        channel = self._channels.of_conversation(assignment.conversation)
        for _ in range(_ATTEMPTS):
            try:
                await self._publisher.post(channel, last.data, last.key, seconds=_PUBLISH_SECONDS)
            except (ApiRejected, ApiUnreachable):
                break
            found = await self._read_back(assignment)
            if found.closed or found.seq < last.seq:
                break
            last = found.end(metadata)
            await self._amend(assignment, found.transcript.parts(), metadata, last)
        metrics.GENERATIONS.labels("interrupted").inc()
        log.info(
            "generation_ended",
            conversation=assignment.conversation,
            message=assignment.message,
            user=assignment.owner,
            status="interrupted",
            characters=found.transcript.size(),
            publications=last.seq,
        )
        return finished, last

    async def _amend(
        self,
        assignment: Assignment,
        parts: Sequence[Part],
        metadata: Metadata,
        last: LastPublication,
    ) -> None:
        # given up, it would take with it the queued answer that was claimed together with the end
        while True:
            try:
                return await self._leases.amend(assignment, parts, metadata, last)
            except StoreUnavailable as error:
                log.warning("end_not_stored_yet", message=assignment.message, error=str(error))
                await asyncio.sleep(_AGAIN_SECONDS)

    async def _read_back(self, assignment: Assignment) -> "ReadBack":
        found = ReadBack(assignment)
        for entry in await self._history(assignment):
            found.take(entry.data)
        return found

    async def _history(self, assignment: Assignment) -> list[HistoryEntry]:
        """What the channel holds since the checkpoint, or all that it holds.

        Waits while Centrifugo is away: the checkpoint alone may be less than what was seen.
        """
        channel = self._channels.of_conversation(assignment.conversation)
        since = assignment.position if assignment.position.epoch else None
        while True:
            try:
                return (await self._api.history(channel, since)).entries
            except PositionLost:
                since = None
            except ApiRejected as error:
                log.error("history_refused", message=assignment.message, error=str(error))
                return []
            except ApiUnreachable:
                await asyncio.sleep(_AGAIN_SECONDS)


class ReadBack:
    """An answer as published: its checkpoint, and what the channel holds beyond."""

    def __init__(self, assignment: Assignment) -> None:
        self.transcript = Transcript(assignment.parts)
        self.seq = assignment.seq
        self.closed = False
        self._assignment = assignment

    def take(self, data: bytes) -> None:
        """A publication of the channel, in order; those of others and those known are left out."""
        publication = published_chunks(data)
        if publication is None or publication.message != self._assignment.message:
            return
        if publication.seq == self.seq + 1:
            self.seq += 1
            self.transcript.replay(publication.chunks)
            self.closed = isinstance(publication.chunks[-1], Finish | Abort | Error)

    def end(self, metadata: Metadata) -> LastPublication:
        """The publication that closes the answer as interrupted."""
        start = [] if self.seq else [Start(self._assignment.message, metadata)]
        return LastPublication.of(
            self._assignment.conversation,
            self._assignment.message,
            self.seq + 1,
            [*start, *self.transcript.close(), Abort("interrupted", metadata)],
        )
