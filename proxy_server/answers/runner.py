"""Which generations run here: started, stopped, kept alive, taken over and drained."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import structlog

from proxy_server import telemetry
from proxy_server.answers.generation import Generation, StopReason
from proxy_server.answers.takeover import Takeover
from proxy_server.answers.titles import Titles
from proxy_server.delivery.announcer import Announcer
from proxy_server.delivery.ticks import Pulse
from proxy_server.errors import ApiUnreachable, StoreUnavailable, Unavailable
from proxy_server.protocol.sessions import Position
from proxy_server.store.leases import Assignment, Finished, Leases
from proxy_server.store.outbox import LastPublication, Outbox
from proxy_server.store.rows import FIRST_ANSWER

_BEAT_SECONDS = 0.5
_SCAN_SECONDS = 1.0
_RENEWAL_SHARE = 0.8
_SCAN_LIMIT = 50
_TAKEOVER_LIMIT = 500
_ADMITTED_SECONDS = 0.02
_PUBLICATIONS_PER_SECOND = 900
_MOST_COALESCE_SECONDS = 0.25

log = structlog.get_logger()


class Runner:
    """Owns the generations of this process; their callers may come and go."""

    def __init__(
        self,
        *,
        leases: Leases,
        outbox: Outbox,
        takeover: Takeover,
        generation: Callable[[Assignment], Generation],
        announcer: Announcer,
        titles: Titles | None,
        max_generations: int,
        max_waiting: int,
        coalesce_seconds: float,
        checkpoint_seconds: float,
    ) -> None:
        self._leases = leases
        self._outbox = outbox
        self._takeover = takeover
        self._generation = generation
        self._announcer = announcer
        self._titles = titles
        self._slot = asyncio.Semaphore(max_generations)
        self._most = max_generations + max_waiting
        self._max_generations = max_generations
        self._coalesce_seconds = coalesce_seconds
        self._checkpoint_seconds = checkpoint_seconds
        self._pulse = Pulse()
        self._admitted = 0
        self._running: dict[str, Generation] = {}
        self._taken_over: set[str] = set()
        # the answers whose end is told here until the outbox forgets it, and the ends to forget
        self._telling: set[str] = set()
        self._published: list[LastPublication] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._loops: list[asyncio.Task[None]] = []
        self._loop = asyncio.get_running_loop()
        self._beaten_at = self._loop.time()
        self._next_beat: asyncio.Future[None] | None = None
        # No takeover before the database has answered for as long as a lease lasts: after an
        # outage the owners must have had the chance to renew theirs.
        self._trusted_since = self._loop.time()
        self.draining = False

    def begin(self) -> None:
        for work, seconds in (
            (self._beat, _BEAT_SECONDS),
            (self._checkpoint, self._checkpoint_seconds),
            (self._scan, _SCAN_SECONDS),
        ):
            self._loops.append(self._loop.create_task(self._repeat(work, seconds)))

    @contextmanager
    def admission(self) -> Iterator[None]:
        """Holds a place for one generation while it is being stored.

        Raises Unavailable where this process takes no further one.
        """
        if self.draining:
            raise Unavailable("The service is restarting. Try again in a second.")
        if len(self._running) + self._admitted >= self._most:
            raise Unavailable("The service is full at the moment. Try again in a few seconds.")
        self._admitted += 1
        try:
            yield
        finally:
            self._admitted -= 1

    def start(self, assignment: Assignment) -> None:
        if assignment.opening is not None:
            self._announcer.opening(assignment.opening)
        generation = self._generation(assignment)
        self._running[assignment.message] = generation
        if self.draining:
            # its transaction began before: it goes back to the queue, for another server
            generation.deadline.pull("shutdown")
        self._gauge()
        self._spawn(self._run(generation), f"generation {assignment.message}")

    def stop(self, message: str, reason: StopReason = "stopped") -> None:
        """Ends a generation, if it runs here."""
        if generation := self._running.get(message):
            generation.deadline.pull(reason)

    def pause(self) -> "asyncio.Future[None]":
        """The time between two publications of one generation: more where many run.

        So a process publishes at a bounded rate, and load makes publications larger.
        """
        shared = len(self._running) / _PUBLICATIONS_PER_SECOND
        seconds = max(self._coalesce_seconds, min(shared, _MOST_COALESCE_SECONDS))
        return self._pulse.after(seconds)

    def alive(self) -> "asyncio.Future[None] | None":
        """None while this process is known to hold its leases, or else what to wait for.

        A process that was paused for longer than a lease must not go on before it has looked
        whether its generations are still its own.
        """
        if self._loop.time() - self._beaten_at < self._leases.seconds:
            return None
        if self._next_beat is None:
            self._next_beat = self._loop.create_future()
        # shielded: a generation that is stopped while it waits must not cancel it for the others
        return asyncio.shield(self._next_beat)

    async def drain(self, seconds: float) -> None:
        """Lets running answers end within that time; the rest ends as interrupted.

        What has not begun goes back to the queue, for another server.
        """
        self.draining = True
        log.info("draining", generations=len(self._running), seconds=seconds)
        for generation in self._running.values():
            generation.deadline.pull("shutdown", seconds if generation.begun else 0)
        until = self._loop.time() + seconds + 5
        while (self._tasks or self._admitted) and self._loop.time() < until:
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=until - self._loop.time())
            else:
                await asyncio.sleep(_ADMITTED_SECONDS)
        for task in (*self._loops, *self._tasks):
            task.cancel()
        await asyncio.gather(*self._loops, *self._tasks, return_exceptions=True)

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = self._loop.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("runner_failed", task=task.get_name(), exc_info=error)

    async def _run(self, generation: Generation) -> None:
        assignment = generation.assignment
        try:
            ended = await generation.run(self._slot, go_on=lambda: not self.draining)
        finally:
            del self._running[assignment.message]
            self._gauge()
        if ended is not None:
            finished, last = ended
            self.tell(last)
            self._follow_up(assignment, finished)

    def tell(self, last: LastPublication) -> asyncio.Future[Position]:
        """Publishes an end; where that fails, the outbox has it still, and `_scan` finds it.

        The future is that of the conversation's own channel.
        """
        publications = self._announcer.last(last)
        waiting = set(publications)

        def told(acknowledged: asyncio.Future[Position]) -> None:
            waiting.discard(acknowledged)
            if waiting:
                return
            if all(map(_is_settled, publications)):
                self._published.append(last)
            else:
                self._telling.discard(last.message)

        self._telling.add(last.message)
        for publication in publications:
            publication.add_done_callback(told)
        return publications[-1]

    def _follow_up(self, assignment: Assignment, finished: Finished) -> None:
        if finished.summary is not None:
            self._announcer.summary(assignment.owner, finished.summary)
            if self._titles and assignment.ordinal == FIRST_ANSWER and not self.draining:
                self._spawn(self._titles.make(assignment), f"title {assignment.conversation}")
        if finished.next is not None:
            self.start(finished.next)

    def _gauge(self) -> None:
        telemetry.ACTIVE.set(min(len(self._running), self._max_generations))
        telemetry.WAITING.set(max(0, len(self._running) - self._max_generations))

    async def _repeat(self, work: Callable[[], Coroutine[Any, Any, None]], seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                await work()
            except StoreUnavailable as error:
                log.warning("store_unavailable", error=str(error))
            except Exception:
                log.exception("runner_failed")

    async def _beat(self) -> None:
        began = self._loop.time()
        if held := [*self._running, *self._taken_over]:
            try:
                # Within the lease: a database that hangs must not hold up the answers for longer
                # than one that is away. They go on without it.
                async with asyncio.timeout(_RENEWAL_SHARE * self._leases.seconds):
                    leases = await self._leases.renew(held)
            except (StoreUnavailable, TimeoutError) as error:
                self._trusted_since = self._loop.time()
                self._beaten(self._loop.time())
                raise StoreUnavailable(f"leases not renewed: {error!r}") from error
            self._beaten(began)
            for message in held:
                if message not in leases:
                    self.stop(message, "lost")
                elif leases[message]:
                    self.stop(message)
        else:
            self._beaten(began)
        await self.forget_published()

    async def forget_published(self) -> None:
        """Tells the outbox of the ends that Centrifugo has."""
        if not self._published:
            return
        published, self._published = self._published, []
        try:
            await self._outbox.forget(published)
        except BaseException:
            self._published += published
            raise
        self._telling.difference_update(last.message for last in published)

    def _beaten(self, began: float) -> None:
        self._beaten_at = began
        if self._next_beat is not None:
            self._next_beat.set_result(None)
            self._next_beat = None

    async def _checkpoint(self) -> None:
        running = list(self._running.values())
        found = [generation.checkpoint() for generation in running]
        if checkpoints := [checkpoint for checkpoint in found if checkpoint is not None]:
            try:
                await self._leases.checkpoint(checkpoints)
            except StoreUnavailable:
                for generation in running:
                    generation.checkpoint_again()
                raise

    async def _scan(self) -> None:
        if self.draining:
            return
        try:
            await self._look_after_others()
        except StoreUnavailable:
            self._trusted_since = self._loop.time()
            raise

    async def _look_after_others(self) -> None:
        if self._loop.time() - self._trusted_since >= self._leases.seconds:
            for assignment in await self._leases.take_over(_TAKEOVER_LIMIT):
                telemetry.TAKEN_OVER.inc()
                log.warning(
                    "taken_over", conversation=assignment.conversation, message=assignment.message
                )
                self._spawn(self._close(assignment), f"takeover {assignment.message}")
            for last in await self._outbox.overdue(_SCAN_LIMIT):
                if last.message in self._telling:
                    continue
                log.warning("end_told_late", conversation=last.conversation, message=last.message)
                self.tell(last)
        room = max(0, self._most - len(self._running) - self._admitted)
        for assignment in await self._leases.start_orphans(min(_SCAN_LIMIT, room)):
            self.start(assignment)

    async def _close(self, assignment: Assignment) -> None:
        self._taken_over.add(assignment.message)
        try:
            finished = await self._takeover.close(assignment, go_on=not self.draining)
        finally:
            self._taken_over.discard(assignment.message)
        if finished is not None:
            self._follow_up(assignment, finished)


def _is_settled(publication: asyncio.Future[Position]) -> bool:
    """Whether to try once more would change nothing."""
    return not publication.cancelled() and not isinstance(publication.exception(), ApiUnreachable)
