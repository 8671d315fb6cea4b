"""One assistant message, from its start to its end."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic

import msgspec
import structlog

from proxy_server import telemetry
from proxy_server.access.channels import Channels
from proxy_server.answers.bill import Bill
from proxy_server.answers.checkpoints import Checkpoints
from proxy_server.answers.deadline import Deadline
from proxy_server.answers.ending import Ended, Ending, Outcome
from proxy_server.answers.heartbeat import Heartbeat
from proxy_server.answers.history import History
from proxy_server.answers.incoming import Incoming, bad_chunk
from proxy_server.answers.pacing import Pacing
from proxy_server.answers.progress import Progress
from proxy_server.answers.retries import until_it_succeeds
from proxy_server.answers.said import Said, portions, within
from proxy_server.delivery.publisher import Publisher
from proxy_server.errors import ApiRejected, ApiUnreachable, ResponderFailed, StoreUnavailable
from proxy_server.protocol.chunks import Chunk, Start
from proxy_server.protocol.events import (
    Event,
    Finish,
    FinishReason,
    Given,
    Piece,
    Reasoning,
    Text,
    Title,
)
from proxy_server.protocol.messages import Usage
from proxy_server.protocol.sessions import Position
from proxy_server.protocol.titles import one_line, title_in
from proxy_server.protocol.turns import Assignment
from proxy_server.responders.responder import Prompt, Responder
from proxy_server.store.generations import Leases
from proxy_server.store.turns import Turns
from proxy_server.store.waiting import Waiting

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Services:
    """What the generations of a process share, and the limits of each.

    seconds: from getting a place in the process to the end.
    most_bytes: of the parts as JSON.
    """

    responder: Responder
    publisher: Publisher
    turns: Turns
    waiting: Waiting
    leases: Leases
    channels: Channels
    history: History
    checkpoints: Checkpoints
    heartbeat: Heartbeat
    pacing: Pacing
    seconds: float
    most_bytes: int


class Generation:
    """Makes the answer of an assignment and publishes it to its conversation's channel."""

    def __init__(self, assignment: Assignment, services: Services) -> None:
        self.assignment = assignment
        self.deadline = Deadline(services.seconds)
        self.progress = Progress(assignment)
        self._services = services
        self._incoming = Incoming(assignment.parts)
        self._unsent: list[Said] = []
        """Taken from the responder but not added yet: what precedes an invalid piece."""
        self._channel = services.channels.of_conversation(assignment.conversation_id)
        self._pending: asyncio.Future[Position] | None = None
        self._finish_reason: FinishReason = "other"
        self._bill = Bill()
        self._title: str | None = None
        self._log = log.bind(
            conversation=assignment.conversation_id,
            message=assignment.message_id,
            user=assignment.user,
        )

    @property
    def begun(self) -> bool:
        """Whether this server has published anything of the answer."""
        return self.progress.published > self.assignment.seq

    async def run(self, slot: asyncio.Semaphore, *, go_on: Callable[[], bool]) -> Ended | None:
        """Makes the answer and stores its end; returns what remains to be published.

        Returns None if the answer goes on elsewhere: the lease was lost, or this server shut down
        before it began.
        """
        began = monotonic()
        ended = await self._answer(slot, began, go_on)
        if ended is not None:
            self._note(ended, began)
        return ended

    async def _answer(
        self, slot: asyncio.Semaphore, began: float, go_on: Callable[[], bool]
    ) -> Ended | None:
        outcome = await self._outcome(slot, began)
        if outcome.status == "interrupted":
            if self.deadline.reason == "lost":
                return None
            if self.deadline.reason == "shutdown" and not self.begun:
                with suppress(StoreUnavailable):
                    await self._services.leases.give_back(self.assignment.message_id)
                return None
        services = self._services
        ending = Ending(
            self.assignment,
            self.progress,
            turns=services.turns,
            waiting=services.waiting,
            most_bytes=services.most_bytes,
        )
        said = [*self._unsent, *self._incoming.end()]
        paid = self._bill.paid(failed=outcome.status == "failed")
        ended = await ending.store(outcome, said, paid, go_on=go_on)
        return None if ended is None else ended._replace(title=self._title)

    async def _outcome(self, slot: asyncio.Semaphore, began: float) -> Outcome:
        try:
            async with self.deadline, slot:
                if self.deadline.passed:
                    # before anything is shown, so that another server can begin it
                    raise TimeoutError
                self.deadline.begin()
                await self._stream(began)
            return Outcome("complete", self._finish_reason)
        except TimeoutError:
            if self.deadline.passed:
                return self._cut_short()
            self._log.exception("generation_crashed")
        except ResponderFailed as error:
            self._failed(error.reason, str(error))
            return Outcome("failed", "error", error.sentence)
        except (ApiRejected, ApiUnreachable) as error:
            self._log.error("publishing_failed", error=str(error))
        except Exception:
            self._log.exception("generation_crashed")
        return Outcome("interrupted", "error")

    async def _stream(self, began: float) -> None:
        services = self._services
        if not self.assignment.seq:
            metadata = self.assignment.metadata("streaming")
            self._publish([Start(self.assignment.message_id, metadata)])
        before = self.progress.published
        prompt = await self._prompt()
        self._bill.ask(prompt.history)
        async with services.responder.answer(prompt) as events:
            self._bill.accepted = True
            await self._acknowledge()
            async for batch in events:
                for said in self._portions(self._take(batch)):
                    if self.progress.published == before:
                        telemetry.FIRST_TOKEN_SECONDS.observe(monotonic() - began)
                    if not_yet := services.heartbeat.alive():
                        await not_yet
                    if not self._grow(said):
                        self._finish_reason = "length"
                        self._incoming, self._unsent = Incoming(), []
                        await self._acknowledge()
                        return
                    # Meanwhile the responder's output waits at its source, and then goes out in one
                    # piece.
                    await services.pacing.pause()
                    await self._acknowledge()

    def _portions(self, said: Sequence[Said]) -> Sequence[Sequence[Said]]:
        """The content of each publication; metadata alone makes a publication without text."""
        return portions(said) or ([[]] if self.progress.given.waits else ())

    def _grow(self, said: Sequence[Said]) -> bool:
        """Publishes as much as there is room for; returns whether that was all."""
        growing = self.progress.growing
        fitting = within(said, self._services.most_bytes - growing.bytes)
        self._publish([*self.progress.given_chunks(), *growing.add(fitting)])
        whole = fitting is said
        del self._unsent[: len(said)]
        return whole

    def _take(self, batch: Sequence[Event]) -> list[Said]:
        """Records what is not part of the message, and returns the rest."""
        said = self._unsent = []
        incoming = self._incoming
        for event in batch:
            match event:
                case Text() | Reasoning():
                    if incoming.busy:
                        said += incoming.plain(event)
                    else:
                        said.append(event)
                case Piece():
                    said += incoming.take(event.chunk)
                    self._title = title_in(event.chunk) or self._title
                case Title():
                    self._title = one_line(event.title) or self._title
                case Given():
                    self._give(event)
                case Usage():
                    self._bill.usage = event
                case Finish():
                    self._finish_reason = event.reason
        if self.progress.growing.bytes + incoming.held > self._services.most_bytes:
            said += incoming.end()
        self._bill.events += len(said)
        return said

    def _give(self, given: Given) -> None:
        try:
            self.progress.given.add(given.metadata)
        except (ValueError, TypeError, RecursionError, msgspec.MsgspecError) as error:
            raise bad_chunk(f"metadata: {error}") from error

    async def _prompt(self) -> Prompt:
        """The responder's input. Waits out an outage of the database: the prompt was accepted."""
        assignment = self.assignment
        history = await until_it_succeeds(
            lambda: self._services.history.of(assignment),
            StoreUnavailable,
            lambda error: self._log.warning("history_not_read_yet", error=str(error)),
        )
        return Prompt(
            user=assignment.user,
            conversation_id=assignment.conversation_id,
            message_id=assignment.message_id,
            model=assignment.model,
            history=history,
            data=assignment.data,
            meta=assignment.meta,
            key=assignment.key,
            trigger=assignment.trigger,
            decisions=assignment.decisions,
            files=self._services.history.files_of(assignment.user),
        )

    def _publish(self, chunks: list[Chunk]) -> None:
        data, key = self.progress.next_publication(chunks)
        self._pending = self._services.publisher.post(self._channel, data, key, urgent=True)

    async def _acknowledge(self) -> None:
        """Waits until Centrifugo has acknowledged the last publication."""
        if self._pending is None:
            return
        position = await asyncio.shield(self._pending)
        self._pending = None
        self.progress.acknowledge(position)
        if self.progress.checkpoint_due:
            self.progress.checkpoint_due = False
            with suppress(StoreUnavailable):
                await self._services.checkpoints.store([self.progress])

    def _note(self, ended: Ended, began: float) -> None:
        telemetry.GENERATIONS.labels(ended.status).inc()
        if ended.usage is not None:
            telemetry.TOKENS.labels("input").inc(ended.usage.input_tokens)
            telemetry.TOKENS.labels("output").inc(ended.usage.output_tokens)
        self._log.info(
            "generation_ended",
            status=ended.status,
            seconds=round(monotonic() - began, 3),
            characters=self.progress.growing.size(),
            publications=ended.entry.version,
        )

    def _failed(self, reason: str, details: str) -> None:
        telemetry.MODEL_FAILURES.labels(reason).inc()
        self._log.warning("model_failed", reason=reason, details=details)

    def _cut_short(self) -> Outcome:
        match self.deadline.reason:
            case "stopped":
                return Outcome("stopped", "other")
            case "time_limit":
                seconds = f"{self._services.seconds:g}"
                self._failed("time_limit", f"longer than {seconds} s (GENERATION_SECONDS)")
                sentence = f"The answer took longer than {seconds} seconds. Try again."
                return Outcome("failed", "error", sentence)
            case _:
                return Outcome("interrupted", "other")
