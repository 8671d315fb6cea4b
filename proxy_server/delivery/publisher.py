"""Publishes for all streams: in batches, in order within each channel, nothing twice.

A batch holds at most one publication per channel, and a channel's next one waits until the last is
acknowledged. So the order holds although Centrifugo runs a batch in parallel, and load makes
batches larger rather than more numerous.
While whole calls fail, all channels wait. If one channel fails alone, because one shard of a Redis
is down, only that channel waits.
"""

import asyncio
import uuid
from collections import deque
from collections.abc import Iterable
from time import perf_counter

import structlog

from proxy_server.delivery.items import Item, waiting_for_state
from proxy_server.delivery.resync import Resync
from proxy_server.delivery.server_api import Publish, Published, ServerApi
from proxy_server.delivery.ticks import Ticks
from proxy_server.errors import ApiRejected, ApiUnreachable
from proxy_server.protocol.encoding import encode
from proxy_server.protocol.publications import SyncPublication
from proxy_server.protocol.sessions import Position
from proxy_server.telemetry import BATCH_SIZE, PUBLISH_SECONDS, UNREACHABLE

_BATCHES_IN_FLIGHT = 4
_BATCH_PUBLICATIONS = 500
_BATCH_BYTES = 1 << 20
_FIRST_BACKOFF = 0.05
_LAST_BACKOFF = 1.0
# Centrifugo forgets an idempotency key after five minutes.
_POST_SECONDS = 240.0
# If nothing is acknowledged for this long, failures of single channels count as an outage of all.
_SILENT_SECONDS = 1.0
# Far more than a busy process has in flight; while Centrifugo is down, some tens of megabytes.
_MOST_WAITING = 20_000
_SYNC = encode(SyncPublication())

log = structlog.get_logger()


class Publisher:
    """Sends what streams post, and keeps trying while Centrifugo is down."""

    def __init__(self, api: ServerApi) -> None:
        self._api = api
        self._loop = asyncio.get_running_loop()
        # The queue of each channel. Its first item is ready, in flight, or held back after a
        # failure; a channel without items has no queue.
        self._queues: dict[str, deque[Item]] = {}
        self._backlog = 0
        self._ready: dict[str, None] = {}
        self._batches: set[asyncio.Task[None]] = set()
        self._backoff = 0.0
        self._resume: asyncio.TimerHandle | None = None
        # channels whose first item has failed, with a timer if it is held back
        self._failing: dict[str, asyncio.TimerHandle | None] = {}
        self._broken = False
        self._acknowledged_at = 0.0
        self._resync = Resync(self._speak)
        self._flushing = False
        self._ticks = Ticks()
        self._tick: asyncio.Future[None] | None = None
        self.reachable = False
        """Whether anything gets through; False before the first publication."""

    def post(
        self,
        channel: str,
        data: bytes,
        key: str,
        *,
        urgent: bool = False,
        state: str | None = None,
        seconds: float = _POST_SECONDS,
    ) -> asyncio.Future[Position]:
        """Queues a publication; tries for `seconds` to get it acknowledged.

        state: names the state that it publishes, if any; it replaces an older one that still waits.
        A publication that is not urgent goes with the next urgent one, or on the next tick: alone
        it would cost ten times as much. The future need not be awaited; it raises ApiRejected or
        ApiUnreachable.
        """
        queue = self._queues.get(channel)
        if queue is not None and (waiting := waiting_for_state(queue, state)) is not None:
            waiting.publish = Publish(channel, data, key)
            waiting.give_up_at = self._loop.time() + seconds
            return waiting.acknowledged
        item = Item(
            Publish(channel, data, key),
            self._loop.create_future(),
            self._loop.time() + seconds,
            state,
        )
        self._backlog += 1
        if queue is None:
            self._queues[channel] = deque((item,))
            self._ready[channel] = None
        else:
            queue.append(item)
        if urgent:
            self._schedule()
        elif self._tick is None:
            self._tick = self._ticks.after(0)
            self._tick.add_done_callback(self._on_tick)
        return item.acknowledged

    @property
    def full(self) -> bool:
        """Whether too much waits to begin anything that adds to it."""
        return self._backlog >= _MOST_WAITING

    async def drain(self, seconds: float) -> None:
        """Waits until everything is acknowledged, at most that long."""
        until = self._loop.time() + seconds
        while self._queues and self._loop.time() < until:
            await asyncio.sleep(0.02)

    async def close(self) -> None:
        for timer in (self._resume, *self._failing.values()):
            if timer is not None:
                timer.cancel()
        for task in self._batches:
            task.cancel()
        await asyncio.gather(*self._batches, return_exceptions=True)
        await self._resync.close()

    def _on_tick(self, _: asyncio.Future[None]) -> None:
        self._tick = None
        self._schedule()

    def _schedule(self) -> None:
        # On the loop's next turn, so that all streams woken by the same event go together.
        if not self._flushing and self._resume is None:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        while self._ready and len(self._batches) < _BATCHES_IN_FLIGHT and self._resume is None:
            batch = self._next_batch()
            task = self._loop.create_task(self._send(batch), name="publish batch")
            self._batches.add(task)
            task.add_done_callback(self._batches.discard)

    def _next_batch(self) -> list[Item]:
        batch: list[Item] = []
        size = 0
        for channel in self._ready:
            item = self._queues[channel][0]
            size += len(item.publish.data)
            if batch and (len(batch) == _BATCH_PUBLICATIONS or size > _BATCH_BYTES):
                break
            batch.append(item)
        for item in batch:
            del self._ready[item.publish.channel]
        return batch

    async def _send(self, batch: list[Item]) -> None:
        began = perf_counter()
        try:
            results: list[Published] = await self._api.publish([item.publish for item in batch])
            if len(results) != len(batch):
                raise ApiUnreachable(f"{len(results)} replies to {len(batch)} publications")
        except ApiUnreachable as error:
            self._wait(batch, error)
        except Exception as error:
            log.exception("publish_failed")
            self._wait(batch, ApiUnreachable(repr(error)))
        else:
            self._take(batch, results)
        PUBLISH_SECONDS.observe(perf_counter() - began)
        BATCH_SIZE.observe(len(batch))

    def _take(self, batch: list[Item], results: list[Published]) -> None:
        now = self._loop.time()
        self._backoff = 0.0
        for item, result in zip(batch, results, strict=True):
            if isinstance(result, ApiUnreachable):
                self._hold_back(item, result, now)
            elif isinstance(result, ApiRejected):
                log.error("publication_rejected", channel=item.publish.channel, error=str(result))
                self._give_up(item, result)
            else:
                self._acknowledge(item, result, now)
        self._resync.forget(now)
        if self._broken and not self._failing:
            self._broken = False
            log.info("centrifugo_reachable", backlog=self._backlog)
            self._resync.outage_ends()
        self._flush()

    def _acknowledge(self, item: Item, position: Position, now: float) -> None:
        if not item.acknowledged.done():
            item.acknowledged.set_result(position)
        self._acknowledged_at = now
        if not self.reachable:
            self._set_reachable(reachable=True)
        self._resync.heard(item.publish.channel, now)
        self._advance(item.publish.channel)

    def _give_up(self, item: Item, error: Exception) -> None:
        if not item.acknowledged.done():
            item.acknowledged.set_exception(error)
            # Some callers never look; asyncio would report the error as never retrieved.
            item.acknowledged.exception()
        self._advance(item.publish.channel)

    def _advance(self, channel: str) -> None:
        """Removes the channel's first item, which is done."""
        if self._failing:
            self._failing.pop(channel, None)
        queue = self._queues[channel]
        queue.popleft()
        self._backlog -= 1
        if queue:
            self._ready[channel] = None
        else:
            del self._queues[channel]

    def _hold_back(self, item: Item, error: ApiUnreachable, now: float) -> None:
        """Only this publication has failed: its channel waits."""
        channel = item.publish.channel
        self._note_failure([item], error, everything=now - self._acknowledged_at > _SILENT_SECONDS)
        if item.give_up_at <= now:
            self._give_up(item, error)
            return
        item.failures += 1
        seconds = min(_FIRST_BACKOFF * 2**item.failures, _LAST_BACKOFF)
        self._failing[channel] = self._loop.call_later(seconds, self._retry, channel)

    def _retry(self, channel: str) -> None:
        self._failing[channel] = None
        self._ready[channel] = None
        self._schedule()

    def _wait(self, batch: list[Item], error: ApiUnreachable) -> None:
        """The whole call has failed: everything waits."""
        self._note_failure(batch, error, everything=True)
        self._ready.update((item.publish.channel, None) for item in batch)
        now = self._loop.time()
        for channel in list(self._ready):
            while (queue := self._queues.get(channel)) and queue[0].give_up_at <= now:
                del self._ready[channel]
                self._give_up(queue[0], error)
        if self._resume is None:
            self._backoff = min(max(2 * self._backoff, _FIRST_BACKOFF), _LAST_BACKOFF)
            self._resume = self._loop.call_later(self._backoff, self._try_again)

    def _try_again(self) -> None:
        self._resume = None
        self._flush()

    def _note_failure(
        self, items: Iterable[Item], error: ApiUnreachable, *, everything: bool
    ) -> None:
        self._failing.update((item.publish.channel, None) for item in items)
        if not self._broken:
            self._broken = True
            log.warning("centrifugo_unreachable", error=str(error), backlog=self._backlog)
            self._resync.outage_begins(self._loop.time())
        if everything:
            self._set_reachable(reachable=False)

    def _set_reachable(self, *, reachable: bool) -> None:
        self.reachable = reachable
        UNREACHABLE.set(not reachable)

    def _speak(self, channel: str) -> None:
        if channel not in self._queues:
            self.post(channel, _SYNC, uuid.uuid4().hex)
