"""The outbox of all streams: publications in batches, in order within each channel, none twice.

A batch holds at most one publication per channel, and a channel's next one waits until its last
is acknowledged. So order holds although Centrifugo runs a batch in parallel, and load makes
batches larger rather than more.

Acknowledged is not yet delivered: what is published while Centrifugo finds its Redis again stands
in the channel's history, but no subscriber is told. Centrifugo sees the hole with the channel's
next publication, and makes the client recover. So channels that fell silent around an outage get
one more, which says nothing.
"""

import asyncio
import uuid
from collections import deque
from collections.abc import Iterable
from time import perf_counter

import structlog

from proxy_server.chunks import Position, SyncPublication, encode
from proxy_server.errors import ApiRejected, ApiUnreachable
from proxy_server.metrics import BATCH_SIZE, PUBLISH_SECONDS, UNREACHABLE
from proxy_server.pulse import Pulse
from proxy_server.server_api import Publish, Published, ServerApi

_BATCHES_IN_FLIGHT = 4
_BATCH_PUBLICATIONS = 500
_BATCH_BYTES = 1 << 20
_FIRST_BACKOFF = 0.05
_LAST_BACKOFF = 1.0
# Centrifugo forgets an idempotency key after five minutes.
_POST_SECONDS = 240.0
# Centrifugo tries four times a second to find its Redis again; the second time is for a slow one.
_SYNC_PAUSES = (2.0, 4.0)
_AROUND_SECONDS = 2.0
_SILENT_SECONDS = 1.0
_SYNC = encode(SyncPublication())

log = structlog.get_logger()


class _Item:
    """A publication on its way; `acknowledged` is its position, or why there is none."""

    __slots__ = ("acknowledged", "give_up_at", "publish")

    def __init__(
        self, publish: Publish, acknowledged: asyncio.Future[Position], give_up_at: float
    ) -> None:
        self.publish = publish
        self.acknowledged = acknowledged
        self.give_up_at = give_up_at


class Publisher:
    """Sends what streams hand over, and keeps at it while Centrifugo is away."""

    def __init__(self, api: ServerApi) -> None:
        self._api = api
        self._loop = asyncio.get_running_loop()
        # A channel's queue; its first item is the one in flight while the channel is not in
        # `_ready`. A channel without items has no queue.
        self._queues: dict[str, deque[_Item]] = {}
        self._ready: dict[str, None] = {}
        self._batches: set[asyncio.Task[None]] = set()
        self._backoff = 0.0
        self._resume: asyncio.TimerHandle | None = None
        # What was acknowledged, and when: in the last seconds, or since shortly before an outage
        # until its aftermath is over.
        self._acknowledged: deque[tuple[float, list[_Item]]] = deque()
        self._broken_at: float | None = None
        self._aftermaths: set[asyncio.Task[None]] = set()
        self._flushing = False
        self._pulse = Pulse()
        self._beat: asyncio.Future[None] | None = None
        self.reachable = False
        """Whether Centrifugo answered the last batch; False before the first."""

    def post(
        self,
        channel: str,
        data: bytes,
        key: str,
        *,
        urgent: bool = False,
        seconds: float = _POST_SECONDS,
    ) -> asyncio.Future[Position]:
        """Takes a publication over and tries for so many seconds to have it acknowledged.

        One that is not urgent goes with the next that is, or on the next beat: alone it would
        cost ten times as much. The future need not be awaited; it raises ApiRejected or
        ApiUnreachable.
        """
        item = _Item(
            Publish(channel, data, key), self._loop.create_future(), self._loop.time() + seconds
        )
        queue = self._queues.get(channel)
        if queue is None:
            self._queues[channel] = deque((item,))
            self._ready[channel] = None
        else:
            queue.append(item)
        if urgent:
            self._schedule()
        elif self._beat is None:
            self._beat = self._pulse.after(0)
            self._beat.add_done_callback(self._on_beat)
        return item.acknowledged

    def backlog(self) -> int:
        """Publications that are not acknowledged yet."""
        return sum(len(queue) for queue in self._queues.values())

    async def drain(self, seconds: float) -> None:
        """Waits until all is acknowledged, but no longer than that."""
        until = self._loop.time() + seconds
        while self._queues and self._loop.time() < until:
            await asyncio.sleep(0.02)

    async def close(self) -> None:
        if self._resume is not None:
            self._resume.cancel()
        tasks = self._batches | self._aftermaths
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _on_beat(self, _: asyncio.Future[None]) -> None:
        self._beat = None
        self._schedule()

    def _schedule(self) -> None:
        # On the loop's next turn, so that all streams that were woken by the same event go
        # together.
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

    def _next_batch(self) -> list[_Item]:
        batch: list[_Item] = []
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

    async def _send(self, batch: list[_Item]) -> None:
        began = perf_counter()
        try:
            results: list[Published] = await self._api.publish([item.publish for item in batch])
            if len(results) != len(batch):
                raise ApiUnreachable(f"{len(results)} replies to {len(batch)} publications")
        except ApiUnreachable as error:
            results = [error] * len(batch)
        except Exception as error:
            log.exception("publish_failed")
            results = [ApiUnreachable(repr(error))] * len(batch)
        PUBLISH_SECONDS.observe(perf_counter() - began)
        BATCH_SIZE.observe(len(batch))
        failed: list[_Item] = []
        cause: ApiUnreachable | None = None
        for item, result in zip(batch, results, strict=True):
            if isinstance(result, ApiUnreachable):
                failed.append(item)
                cause = result
            else:
                self._settle(item, result)
        if len(failed) < len(batch):
            self._remember(batch)
        if cause is not None:
            self._put_back(failed, cause)
            return
        if not self.reachable:
            self.reachable = True
            UNREACHABLE.set(0)
            log.info("centrifugo_reachable", backlog=self.backlog())
            if self._broken_at is not None:
                aftermath = self._loop.create_task(self._aftermath(), name="aftermath")
                self._aftermaths.add(aftermath)
                aftermath.add_done_callback(self._aftermaths.discard)
        self._backoff = 0.0
        self._flush()

    def _remember(self, batch: list[_Item]) -> None:
        now = self._loop.time()
        self._acknowledged.append((now, batch))
        if self._broken_at is None:
            self._forget(now - _AROUND_SECONDS)

    def _forget(self, before: float) -> None:
        while self._acknowledged and self._acknowledged[0][0] < before:
            self._acknowledged.popleft()

    async def _aftermath(self) -> None:
        recovered_at = self._loop.time()
        for seconds in _SYNC_PAUSES:
            await asyncio.sleep(seconds)
            self._sync()
        self._forget(recovered_at)
        if self.reachable and len(self._aftermaths) == 1:
            self._broken_at = None

    def _sync(self) -> None:
        """Lets the channels speak once more whose last publication may not have been delivered."""
        last = {item.publish.channel: at for at, batch in self._acknowledged for item in batch}
        silent_since = self._loop.time() - _SILENT_SECONDS
        for channel, at in last.items():
            if at < silent_since and channel not in self._queues:
                self.post(channel, _SYNC, uuid.uuid4().hex)

    def _settle(self, item: _Item, result: Position | ApiRejected) -> None:
        if isinstance(result, ApiRejected):
            log.error("publication_rejected", channel=item.publish.channel, error=str(result))
            _fail(item, result)
        elif not item.acknowledged.done():
            item.acknowledged.set_result(result)
        self._advance(item.publish.channel)

    def _advance(self, channel: str) -> None:
        queue = self._queues[channel]
        queue.popleft()
        if queue:
            self._ready[channel] = None
        else:
            del self._queues[channel]

    def _put_back(self, batch: Iterable[_Item], error: ApiUnreachable) -> None:
        if self.reachable or not self._backoff:
            log.warning("centrifugo_unreachable", error=str(error), backlog=self.backlog())
        self.reachable = False
        UNREACHABLE.set(1)
        now = self._loop.time()
        if self._broken_at is None:
            self._broken_at = now
        for item in batch:
            self._ready[item.publish.channel] = None
        for channel in list(self._ready):
            while (queue := self._queues.get(channel)) and queue[0].give_up_at <= now:
                _fail(queue[0], error)
                self._ready.pop(channel, None)
                self._advance(channel)
        if self._resume is None:
            self._backoff = min(max(2 * self._backoff, _FIRST_BACKOFF), _LAST_BACKOFF)
            self._resume = self._loop.call_later(self._backoff, self._try_again)

    def _try_again(self) -> None:
        self._resume = None
        self._flush()


def _fail(item: _Item, error: Exception) -> None:
    if not item.acknowledged.done():
        item.acknowledged.set_exception(error)
        # Whoever only posted does not look; asyncio would call that an error never retrieved.
        item.acknowledged.exception()
