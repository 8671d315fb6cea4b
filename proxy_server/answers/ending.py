"""What happens when a responder has ended: the answer is closed, or waits for a decision."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import msgspec
import structlog

from proxy_server.answers.progress import Progress
from proxy_server.answers.retries import until_it_succeeds
from proxy_server.answers.said import Added, Said, within
from proxy_server.errors import StoreUnavailable
from proxy_server.protocol.chunks import Chunk, MessageMetadata
from proxy_server.protocol.closing import closing_entry, step_entry
from proxy_server.protocol.events import FinishReason
from proxy_server.protocol.messages import Metadata, Part, Status, Usage, added
from proxy_server.protocol.turns import Assignment, Finished, OutboxEntry
from proxy_server.protocol.waiting import denied, is_to_wait
from proxy_server.store.ends import BY_PROMPT
from proxy_server.store.turns import Turns
from proxy_server.store.waiting import Rested, Waiting

_T = TypeVar("_T")

log = structlog.get_logger()


class Ended(NamedTuple):
    """An end as stored, its publication, the usage on this server, and a title that it gave."""

    finished: Finished
    entry: OutboxEntry
    status: Status
    usage: Usage | None
    title: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    status: Status
    finish_reason: FinishReason
    error: str | None = None


class Ending:
    """Stores the end of one answer, however long the database is down.

    most_bytes: the limit of its parts as JSON.
    """

    def __init__(
        self,
        assignment: Assignment,
        progress: Progress,
        *,
        turns: Turns,
        waiting: Waiting,
        most_bytes: int,
    ) -> None:
        self._assignment = assignment
        self._progress = progress
        self._turns = turns
        self._waiting = waiting
        self._most_bytes = most_bytes
        self._log = log.bind(
            conversation=assignment.conversation_id,
            message=assignment.message_id,
            user=assignment.user,
        )

    async def store(
        self,
        outcome: Outcome,
        said: Sequence[Said],
        usage: Usage | None,
        *,
        go_on: Callable[[], bool],
    ) -> Ended | None:
        """Returns None if the lease was lost.

        said: what was not added yet.
        usage: of this server's part of the answer.
        """
        growing = self._progress.growing
        chunks = growing.add(within(said, self._most_bytes - growing.bytes))
        metadata = self._progress.metadata(outcome.status)
        metadata.finish_reason = outcome.finish_reason
        metadata.usage = added(self._assignment.usage, usage)
        metadata.error = outcome.error
        ending, parts = growing.ended(outcome.status)
        if outcome.status == "complete" and is_to_wait(parts, outcome.finish_reason):
            # open texts and tools end for a waiting answer as they do for a complete one
            entry, rested = await self._rest([*chunks, *ending], parts, metadata)
            if rested.how == "rests":
                return Ended(Finished(None, rested.summary), entry, "waiting", usage)
            if rested.how == "lost":
                self._log.warning("lease_lost")
                return None
            denials = denied(parts, BY_PROMPT.reason)
            chunks += growing.add([Added(chunk, 0) for chunk in denials])
            ending, parts = growing.ended(outcome.status)
        chunks = [*chunks, *ending]
        return await self._close(chunks, parts, metadata, outcome.status, usage, go_on)

    async def _rest(
        self, chunks: list[Chunk], parts: Sequence[Part], metadata: Metadata
    ) -> tuple[OutboxEntry, Rested]:
        rests = msgspec.structs.replace(metadata, status="waiting", finish_reason=None)
        entry = step_entry(
            self._assignment.conversation_id,
            self._assignment.message_id,
            self._progress.published + 1,
            [*chunks, MessageMetadata(rests)],
        )
        return entry, await self._until_stored(
            lambda: self._waiting.rest(self._assignment, parts, rests, entry)
        )

    async def _close(
        self,
        chunks: list[Chunk],
        parts: list[Part],
        metadata: Metadata,
        status: Status,
        usage: Usage | None,
        go_on: Callable[[], bool],
    ) -> Ended | None:
        closing = closing_entry(
            self._assignment.conversation_id,
            self._assignment.message_id,
            self._progress.published + 1,
            chunks,
            metadata,
            prompt=self._assignment.prompt,
            after=self._assignment.after,
        )
        position = self._progress.position if self._progress.acknowledged else None
        finished = await self._until_stored(
            lambda: self._turns.finish(
                self._assignment, parts, metadata, closing, go_on=go_on(), position=position
            )
        )
        if finished is None:
            self._log.warning("lease_lost")
            return None
        return Ended(finished, closing, status, usage)

    async def _until_stored(self, store: Callable[[], Awaitable[_T]]) -> _T:
        return await until_it_succeeds(
            store,
            StoreUnavailable,
            lambda error: self._log.warning("end_not_stored_yet", error=str(error)),
        )
