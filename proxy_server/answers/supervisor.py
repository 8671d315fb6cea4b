"""The answers that run in this process: starts, stops, renews, takes over and drains them."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import structlog

from proxy_server import telemetry
from proxy_server.access.callers import Caller
from proxy_server.access.limits import Places
from proxy_server.answers.again import Again
from proxy_server.answers.background import Background
from proxy_server.answers.deadline import StopReason
from proxy_server.answers.generation import Generation, Services
from proxy_server.answers.outbox_relay import OutboxRelay
from proxy_server.answers.takeover import Takeover
from proxy_server.answers.titles import Titles
from proxy_server.delivery.announcements import Announcements
from proxy_server.errors import Refusal, StoreUnavailable, Unavailable
from proxy_server.protocol.turns import Assignment, Finished, OutboxEntry
from proxy_server.store.waiting import Waiting

_LOOK_SECONDS = 1.0
_ORPHANS_LIMIT = 50
_TAKEOVER_LIMIT = 500
# How often a drain checks whether prompts that are being stored have become answers.
_ADMITTED_SECONDS = 0.02
# How much longer than the grace time a drain waits for ends to be stored.
_STORING_SECONDS = 5

log = structlog.get_logger()


class Supervisor:
    """Owns the generations of this process, independently of their callers.

    slots: how many answers are made at once; the other places are for waiting ones.
    """

    def __init__(
        self,
        *,
        services: Services,
        relay: OutboxRelay,
        takeover: Takeover,
        again: Again,
        waiting: Waiting,
        announcements: Announcements,
        titles: Titles,
        places: Places,
        slots: int,
        checkpoint_seconds: float,
        heartbeat_seconds: float,
    ) -> None:
        self._services = services
        self._relay = relay
        self._takeover = takeover
        self._again = again
        self._waiting = waiting
        self._announcements = announcements
        self._titles = titles
        self._places = places
        self._slots = slots
        self._slot = asyncio.Semaphore(slots)
        self._checkpoint_seconds = checkpoint_seconds
        self._heartbeat_seconds = heartbeat_seconds
        # the answers whose prompts are being stored
        self._admitted: set[str] = set()
        self._running: dict[str, Generation] = {}
        self._taken_over: set[str] = set()
        # those that failed unexpectedly, until they are taken over
        self._crashed: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loops: list[Background] = []
        self._loop = asyncio.get_running_loop()
        # whether a COMMIT may have begun an answer here although its reply was lost
        self._may_have_more = False
        self.draining = False

    def begin(self) -> None:
        for name, work, seconds in (
            ("heartbeat", self._beat, self._heartbeat_seconds),
            ("checkpoints", self._checkpoint, self._checkpoint_seconds),
            ("look", self._look, _LOOK_SECONDS),
        ):
            self._loops.append(Background(name, work, pause=seconds, first=seconds))

    @contextmanager
    def admission(self, message_id: str, caller: Caller) -> Iterator[None]:
        """Holds a place for one answer while its prompt is being stored.

        Raises Unavailable or LimitReached if this process takes no more.
        """
        if self.draining:
            raise Unavailable("The service is restarting. Try again in a second.")
        self._places.take(message_id, caller)
        self._admitted.add(message_id)
        try:
            yield
        except Refusal:
            raise
        except BaseException:
            # the transaction may have been committed
            self._may_have_more = True
            raise
        finally:
            self._admitted.discard(message_id)
            if message_id not in self._running:
                self._places.give_back(message_id)

    def start(self, assignment: Assignment) -> None:
        """Starts an answer; does nothing if it is already being made."""
        if assignment.message_id in self._running:
            return
        generation = Generation(assignment, self._services)
        self._running[assignment.message_id] = generation
        self._places.hold(assignment.message_id, Caller(assignment.user))
        if self.draining:
            # its transaction began before the drain: it goes back to the queue, for another server
            generation.deadline.pull("shutdown")
        self._count()
        self._spawn(self._run(generation), f"generation {assignment.message_id}")

    def stop(self, message_id: str, reason: StopReason = "stopped") -> None:
        """Ends a generation, if it runs here."""
        if generation := self._running.get(message_id):
            generation.deadline.pull(reason)

    async def drain(self, seconds: float) -> None:
        """Lets running answers end within that time; the others end as interrupted.

        What has not begun goes back to the queue, for another server.
        """
        self.draining = True
        log.info("draining", generations=len(self._running), seconds=seconds)
        for generation in self._running.values():
            generation.deadline.pull("shutdown", seconds if generation.begun else 0)
        until = self._loop.time() + seconds + _STORING_SECONDS
        while (self._tasks or self._admitted) and self._loop.time() < until:
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=until - self._loop.time())
            else:
                await asyncio.sleep(_ADMITTED_SECONDS)
        await self.close()

    async def close(self) -> None:
        """Ends all tasks at once."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*(loop.close() for loop in self._loops))
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = self._loop.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("supervisor_failed", task=task.get_name(), exc_info=error)

    async def _run(self, generation: Generation) -> None:
        assignment = generation.assignment
        try:
            ended = await generation.run(self._slot, go_on=lambda: not self.draining)
        except Exception:
            self._crashed.add(assignment.message_id)
            raise
        finally:
            del self._running[assignment.message_id]
            self._places.give_back(assignment.message_id)
            self._count()
        if ended is None:
            # the lost reply may be that of the transaction that stored this end and began the next
            # answer
            self._may_have_more = True
            return
        self._follow_up(assignment, ended.finished, ended.entry, ended.title)

    def _follow_up(
        self,
        assignment: Assignment,
        finished: Finished,
        entry: OutboxEntry | None = None,
        title: str | None = None,
    ) -> None:
        """What follows an end, which `entry` publishes.

        The next answer is started first, because its lease is already held. It publishes from a
        task of its own, and so after all that is announced here.
        """
        if finished.next is not None:
            self.start(finished.next)
        if entry is not None:
            self._relay.send(entry)
        if finished.summary is not None:
            self._announcements.summary(assignment.user, finished.summary)
            if title or (self._titles.makes(assignment) and not self.draining):
                titled = self._titles.replace(assignment, title)
                self._spawn(titled, f"title {assignment.conversation_id}")
        if finished.next is not None:
            self._announcements.joined(finished.next)

    def _start_queued(self, assignment: Assignment) -> None:
        # the server that queued it may have died before announcing it
        self.start(assignment)
        self._announcements.joined(assignment)

    def _count(self) -> None:
        running = len(self._running)
        self._services.pacing.running = running
        telemetry.ACTIVE.set(min(running, self._slots))
        telemetry.WAITING.set(max(0, running - self._slots))

    async def _beat(self) -> None:
        held = [*self._running, *self._taken_over]
        leases = await self._services.heartbeat.renew(held)
        for message_id in held:
            if message_id not in leases:
                self.stop(message_id, "lost")
            elif leases[message_id]:
                self.stop(message_id)
        await self._relay.forget_arrived()
        if self._may_have_more:
            await self._adopt()

    def _known(self) -> set[str]:
        """The answers of this process that must not be adopted."""
        return {*self._running, *self._taken_over, *self._admitted, *self._crashed}

    async def _adopt(self) -> None:
        """Runs answers that were begun here by a COMMIT whose reply was lost."""
        stored = await self._services.leases.unknown(list(self._known()))
        # some may have become known since
        known = self._known()
        found = [assignment for assignment in stored if assignment.message_id not in known]
        # if an answer is ending at this moment, the next one is already starting
        busy = {running.assignment.conversation_id for running in self._running.values()}
        self._may_have_more = any(assignment.conversation_id in busy for assignment in found)
        for assignment in found:
            if assignment.conversation_id not in busy:
                log.warning("adopted", message=assignment.message_id)
                self._start_queued(assignment)

    async def _checkpoint(self) -> None:
        running = list(self._running.values())
        await self._services.checkpoints.store(generation.progress for generation in running)

    async def _look(self) -> None:
        if self.draining:
            return
        try:
            await self._look_after_others()
        except StoreUnavailable:
            self._services.heartbeat.database_failed()
            raise

    async def _look_after_others(self) -> None:
        leases = self._services.leases
        if self._services.heartbeat.may_take_over():
            for assignment in await leases.take_over(_TAKEOVER_LIMIT):
                telemetry.TAKEN_OVER.inc()
                self._crashed.discard(assignment.message_id)
                log.warning(
                    "taken_over",
                    conversation=assignment.conversation_id,
                    message=assignment.message_id,
                )
                self._spawn(self._close(assignment), f"takeover {assignment.message_id}")
            await self._relay.send_overdue()
        for closed in await self._waiting.close_overdue(_ORPHANS_LIMIT):
            log.info("waiting_closed", message=closed.assignment.message_id, status=closed.status)
            self._follow_up(closed.assignment, closed.finished, closed.closing)
        most = min(_ORPHANS_LIMIT, self._places.free)
        for assignment in await leases.start_orphans(most):
            self._start_queued(assignment)

    async def _close(self, assignment: Assignment) -> None:
        self._taken_over.add(assignment.message_id)
        try:
            finished = await self._takeover.close(assignment, go_on=not self.draining)
        finally:
            self._taken_over.discard(assignment.message_id)
        if finished is not None:
            self._follow_up(assignment, finished)
            if not self.draining and self._again.applies(assignment, finished):
                self._spawn(self._begin_again(assignment), f"again {assignment.message_id}")

    async def _begin_again(self, assignment: Assignment) -> None:
        try:
            accepted = await self._again.accept(assignment)
        except StoreUnavailable:
            self._may_have_more = True
            return
        if accepted is not None and accepted.assignment is not None:
            self.start(accepted.assignment)
