"""The end of an answer whose server went silent: what was published is read back and stored."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import structlog

from proxy_server import metrics
from proxy_server.channels import Channels
from proxy_server.chunks import Abort, Error, Finish, Metadata, Start, published_chunks
from proxy_server.errors import ApiRejected, ApiUnreachable, PositionLost, StoreUnavailable
from proxy_server.leases import Assignment, Finished, Leases
from proxy_server.outbox import LastPublication
from proxy_server.publisher import Publisher
from proxy_server.server_api import HistoryEntry, ServerApi
from proxy_server.transcript import Transcript

_ATTEMPTS = 100
_PUBLISH_SECONDS = 5.0
_AGAIN_SECONDS = 1.0
_T = TypeVar("_T")

log = structlog.get_logger()


class Takeover:
    """Closes assignments as `interrupted`, with all text that anyone could have seen."""

    def __init__(
        self, api: ServerApi, publisher: Publisher, leases: Leases, channels: Channels
    ) -> None:
        self._api = api
        self._publisher = publisher
        self._leases = leases
        self._channels = channels

    async def close(self, assignment: Assignment, *, go_on: bool) -> "Closed | None":
        """Stores the end and tells it; None where somebody else has."""
        metadata = Metadata(assignment.created_at, "interrupted", assignment.model, "other")
        found = await self._read_back(assignment)
        last = found.end(metadata)
        parts = found.transcript.parts()
        finish = partial(self._leases.finish, assignment, parts, metadata, last, go_on=go_on)
        finished = await _stored(assignment, finish)
        if finished is None:
            return None
        told = True
        # The key is that of the sequence number, whoever publishes it. A server that is not as
        # dead as it seemed, because it wakes up in this moment or has lost its database alone, may
        # be faster with this number. Then its piece is part of the answer, and the end takes the
        # next number, until it has won.
        for _ in range(_ATTEMPTS):
            if found.closed or not (told := await self._tell(last)):
                break
            found = await self._read_back(assignment)
            if found.closed or found.seq < last.seq:
                break
            last = found.end(metadata)
            amend = partial(
                self._leases.amend, assignment, found.transcript.parts(), metadata, last
            )
            await _stored(assignment, amend)
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
        return Closed(finished, last, told=told)

    async def _tell(self, last: LastPublication) -> bool:
        """Whether Centrifugo answered; if not, the outbox has it still."""
        channel = self._channels.of_conversation(last.conversation)
        try:
            await self._publisher.post(
                channel, last.data, last.key, urgent=True, seconds=_PUBLISH_SECONDS
            )
        except (ApiRejected, ApiUnreachable):
            return False
        return True

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


@dataclass(frozen=True, slots=True)
class Closed:
    """An end that is stored; `told` says whether Centrifugo has its publication."""

    finished: Finished
    last: LastPublication
    told: bool


async def _stored(assignment: Assignment, work: Callable[[], Awaitable[_T]]) -> _T:
    """Waits for the database: the claim would be lost, and with it the queued answer's."""
    while True:
        try:
            return await work()
        except StoreUnavailable as error:
            log.warning("end_not_stored_yet", message=assignment.message, error=str(error))
            await asyncio.sleep(_AGAIN_SECONDS)


class ReadBack:
    """An answer as published: its checkpoint, and what the channel holds beyond."""

    def __init__(self, assignment: Assignment) -> None:
        self.transcript = Transcript(assignment.parts)
        self.seq = assignment.seq
        self.closed = False
        self._whole = True
        self._assignment = assignment

    def take(self, data: bytes) -> None:
        """A publication of the channel, in order; those of others and those known are left out.

        What stands behind a gap counts, so that the end gets a number of its own, but its text
        is left out: nobody can say what is missing in between.
        """
        publication = published_chunks(data)
        if self.closed or publication is None or publication.message != self._assignment.message:
            return
        if publication.seq <= self.seq:
            return
        self._whole = self._whole and publication.seq == self.seq + 1
        self.seq = publication.seq
        self.closed = isinstance(publication.chunks[-1], Finish | Abort | Error)
        if self._whole:
            self.transcript.replay(publication.chunks)

    def end(self, metadata: Metadata) -> LastPublication:
        """The publication that closes the answer as interrupted."""
        start = [] if self.seq else [Start(self._assignment.message, metadata)]
        return LastPublication.of(
            self._assignment.conversation,
            self._assignment.message,
            self.seq + 1,
            [*start, *self.transcript.close(), Abort("interrupted", metadata)],
        )
