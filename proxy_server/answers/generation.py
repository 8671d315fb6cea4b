"""One assistant message, from its start to its end."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from types import TracebackType
from typing import Literal

import structlog

from proxy_server import telemetry
from proxy_server.access.channels import Channels
from proxy_server.answers.history import History
from proxy_server.answers.progress import Progress
from proxy_server.delivery.publisher import Publisher
from proxy_server.errors import ApiRejected, ApiUnreachable, ResponderFailed, StoreUnavailable
from proxy_server.protocol.chunks import Chunk, Start, closing
from proxy_server.protocol.events import Event, Finish, FinishReason, Reasoning, Text
from proxy_server.protocol.messages import Message, Metadata, Part, Status, TextPart, Usage
from proxy_server.protocol.sessions import Position
from proxy_server.responders.responder import Prompt, Responder
from proxy_server.store.leases import Assignment, Checkpoint, Finished, Leases
from proxy_server.store.outbox import LastPublication

StopReason = Literal["stopped", "time_limit", "shutdown", "lost"]
_RETRY_SECONDS = 0.5
_CHARACTERS_PER_TOKEN = 4

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Outcome:
    status: Status
    finish_reason: FinishReason
    error: str | None = None


class Deadline:
    """When a task is to end, and why; it can only come nearer."""

    def __init__(self, seconds: float) -> None:
        self.reason: StopReason = "time_limit"
        self._when = asyncio.get_running_loop().time() + seconds
        self._timeout = asyncio.timeout_at(self._when)
        self._entered = False

    @property
    def passed(self) -> bool:
        return self._when <= asyncio.get_running_loop().time()

    def pull(self, reason: StopReason, seconds: float = 0) -> None:
        """Brings the end near: in so many seconds, for that reason."""
        when = asyncio.get_running_loop().time() + seconds
        if when < self._when:
            self.reason, self._when = reason, when
            if self._entered and not self._timeout.expired():
                self._timeout.reschedule(when)

    async def __aenter__(self) -> None:
        self._entered = True
        await self._timeout.__aenter__()
        self._timeout.reschedule(self._when)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._entered = False
        await self._timeout.__aexit__(kind, error, trace)


class Generation:
    """Makes the answer of an assignment and tells its conversation's channel."""

    def __init__(
        self,
        assignment: Assignment,
        *,
        responder: Responder,
        publisher: Publisher,
        leases: Leases,
        channels: Channels,
        history: History,
        seconds: float,
        most_bytes: int,
        pause: Callable[[], Awaitable[None]],
        alive: Callable[[], "asyncio.Future[None] | None"],
    ) -> None:
        self.assignment = assignment
        self.deadline = Deadline(seconds)
        self._responder = responder
        self._publisher = publisher
        self._leases = leases
        self._channel = channels.of_conversation(assignment.conversation)
        self._history = history
        self._most_bytes = most_bytes
        self._pause = pause
        self._alive = alive
        self._progress = Progress(assignment)
        self._pending: asyncio.Future[Position] | None = None
        self._finish_reason: FinishReason = "other"
        self._usage: Usage | None = None
        # what it would cost to ask, and to be answered, where nobody says
        self._asked = 0
        self._accepted = False
        self._events = 0
        self._log = log.bind(
            conversation=assignment.conversation,
            message=assignment.message,
            user=assignment.owner,
        )

    @property
    def begun(self) -> bool:
        """Whether anything of it was shown."""
        return self._progress.posted > 0

    async def run(
        self, slot: asyncio.Semaphore, *, go_on: Callable[[], bool]
    ) -> tuple[Finished, LastPublication] | None:
        """Makes the answer and stores its end; what is to be published then.

        None where it goes on elsewhere: the lease was lost, or this server ends before it began.
        """
        began = monotonic()
        try:
            async with self.deadline, slot:
                if self.deadline.passed:
                    # before anything is shown, so that another server can begin it
                    raise TimeoutError
                await self._stream(began)
            outcome = Outcome("complete", self._finish_reason)
        except TimeoutError:
            outcome = self._cut_short()
        except ResponderFailed as error:
            telemetry.MODEL_FAILURES.labels(error.reason).inc()
            self._log.warning("model_failed", reason=error.reason, details=str(error))
            outcome = Outcome("failed", "error", error.sentence)
        except (ApiRejected, ApiUnreachable) as error:
            self._log.error("publishing_failed", error=str(error))
            outcome = Outcome("interrupted", "error")
        except Exception:
            self._log.exception("generation_crashed")
            outcome = Outcome("interrupted", "error")
        if outcome.status == "interrupted":
            if self.deadline.reason == "lost":
                return None
            if self.deadline.reason == "shutdown" and not self.begun:
                with suppress(StoreUnavailable):
                    await self._leases.give_back(self.assignment.message)
                return None
        return await self._end(outcome, began, go_on)

    def checkpoint(self) -> Checkpoint | None:
        return self._progress.checkpoint()

    def checkpoint_again(self) -> None:
        self._progress.checkpoint_again()

    async def _stream(self, began: float) -> None:
        metadata = Metadata(self.assignment.created_at, "streaming", self.assignment.model)
        self._post([Start(self.assignment.message, metadata)])
        prompt = await self._prompt()
        self._asked = _characters(prompt.history)
        async with self._responder.answer(prompt) as events:
            self._accepted = True
            await self._acknowledge()
            async for batch in events:
                said = self._take(batch)
                if not said:
                    continue
                if self._progress.posted == 1:
                    telemetry.FIRST_TOKEN_SECONDS.observe(monotonic() - began)
                if paused := self._alive():
                    await paused
                self._post(self._progress.growing.add(said))
                # What the responder says meanwhile waits at its source and goes out in one piece.
                await self._pause()
                await self._acknowledge()
                if self._progress.growing.bytes >= self._most_bytes:
                    self._finish_reason = "length"
                    break

    def _take(self, batch: Sequence[Event]) -> list[Text | Reasoning]:
        """Notes what is not part of the message, and gives the rest."""
        said: list[Text | Reasoning] = []
        for event in batch:
            match event:
                case Text() | Reasoning():
                    said.append(event)
                case Usage():
                    self._usage = event
                case Finish():
                    self._finish_reason = event.reason
        self._events += len(said)
        return said

    async def _prompt(self) -> Prompt:
        """What the responder is given: an accepted prompt outlasts an outage of the database."""
        while True:
            try:
                history = await self._history.before(self.assignment)
            except StoreUnavailable as error:
                self._log.warning("history_not_read_yet", error=str(error))
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                return Prompt(
                    user=self.assignment.owner,
                    conversation_id=self.assignment.conversation,
                    message_id=self.assignment.message,
                    model=self.assignment.model,
                    history=history,
                )

    def _post(self, chunks: list[Chunk]) -> None:
        data, key = self._progress.post(chunks)
        self._pending = self._publisher.post(self._channel, data, key, urgent=True)
        self._pending.add_done_callback(self._settle)

    def _settle(self, pending: asyncio.Future[Position]) -> None:
        if pending.exception() is None:
            self._progress.acknowledge(pending.result())

    async def _acknowledge(self) -> None:
        """Waits until Centrifugo has what was posted last."""
        if self._pending is None:
            return
        if not self._pending.done():
            await asyncio.shield(self._pending)
        # it may be done although its callbacks have not run yet
        self._progress.acknowledge(self._pending.result())
        self._pending = None
        if self._progress.checkpoint_due:
            await self._checkpoint_now()

    async def _checkpoint_now(self) -> None:
        self._progress.checkpoint_due = False
        checkpoint = self._progress.checkpoint()
        if checkpoint is None:
            return
        try:
            await self._leases.checkpoint([checkpoint])
        except StoreUnavailable:
            self._progress.checkpoint_again()

    def _cut_short(self) -> Outcome:
        match self.deadline.reason:
            case "stopped":
                return Outcome("stopped", "other")
            case "time_limit":
                return Outcome("failed", "error", "The answer took too long. Try again.")
            case _:
                return Outcome("interrupted", "other")

    async def _end(
        self, outcome: Outcome, began: float, go_on: Callable[[], bool]
    ) -> tuple[Finished, LastPublication] | None:
        metadata = Metadata(
            self.assignment.created_at,
            outcome.status,
            self.assignment.model,
            outcome.finish_reason,
            self._paid(outcome),
            outcome.error,
        )
        # One that was stopped before its turn came has not been announced yet.
        start = [] if self.begun else [Start(self.assignment.message, metadata)]
        transcript = self._progress.growing
        parts = transcript.parts()
        chunks = [*start, *transcript.close(), closing(metadata)]
        last = LastPublication.of(
            self.assignment.conversation,
            self.assignment.message,
            self._progress.posted + 1,
            chunks,
        )
        finished = await self._store_end(parts, metadata, last, go_on)
        if finished is None:
            self._log.warning("lease_lost")
            return None
        telemetry.GENERATIONS.labels(outcome.status).inc()
        if metadata.usage is not None:
            telemetry.TOKENS.labels("input").inc(metadata.usage.input_tokens)
            telemetry.TOKENS.labels("output").inc(metadata.usage.output_tokens)
        self._log.info(
            "generation_ended",
            status=outcome.status,
            seconds=round(monotonic() - began, 3),
            characters=transcript.size(),
            publications=last.seq,
        )
        return finished, last

    async def _store_end(
        self,
        parts: Sequence[Part],
        metadata: Metadata,
        last: LastPublication,
        go_on: Callable[[], bool],
    ) -> Finished | None:
        waiting = False
        while True:
            try:
                return await self._leases.finish(
                    self.assignment,
                    parts,
                    metadata,
                    last,
                    go_on=go_on(),
                    position=self._progress.position if self._progress.acknowledged else None,
                )
            except StoreUnavailable as error:
                if not waiting:
                    self._log.warning("end_not_stored_yet", error=str(error))
                waiting = True
                await asyncio.sleep(_RETRY_SECONDS)

    def _paid(self, outcome: Outcome) -> Usage | None:
        """What the responder said, or else an estimate of what it was asked and has sent."""
        if self._usage is not None or not self._asked:
            return self._usage
        if outcome.status == "failed" and not self._accepted:
            return None
        return Usage(
            input_tokens=self._asked // _CHARACTERS_PER_TOKEN,
            output_tokens=self._events,
            estimated=True,
        )


def _characters(history: Sequence[Message]) -> int:
    """Of text alone: what an image costs is the provider's secret."""
    return sum(
        len(part.text)
        for message in history
        for part in message.parts
        if isinstance(part, TextPart)
    )
