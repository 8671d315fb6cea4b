"""Removes conversations that are older than they may be, in the background and by small steps."""

import asyncio
from contextlib import suppress

import structlog

from proxy_server.answers.outbox_relay import OutboxRelay
from proxy_server.errors import StoreUnavailable
from proxy_server.store.database import Store
from proxy_server.store.retention import remove_old

_STEP_CONVERSATIONS = 200
# Between two steps: users' calls go before.
_STEP_SECONDS = 1.0
_ROUND_SECONDS = 3600.0

log = structlog.get_logger()


class Retention:
    """days, visitors_days: how long conversations of users and of visitors stay; 0 is for ever."""

    def __init__(
        self, store: Store, relay: OutboxRelay, *, days: float, visitors_days: float
    ) -> None:
        self._store = store
        self._relay = relay
        self._days = days
        self._visitors_days = visitors_days
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        if self._days or self._visitors_days:
            self._task = asyncio.get_running_loop().create_task(self._run(), name="retention")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        cursor = ""
        while True:
            try:
                step = await remove_old(
                    self._store,
                    cursor,
                    days=self._days,
                    visitors_days=self._visitors_days,
                    most=_STEP_CONVERSATIONS,
                )
            except StoreUnavailable as error:
                log.warning("store_unavailable", error=str(error))
            else:
                cursor = step.cursor
                if step.removed:
                    log.info("conversations_expired", conversations=len(step.removed))
                for entry in step.removed:
                    self._relay.delete(entry)
            await asyncio.sleep(_STEP_SECONDS if cursor else _ROUND_SECONDS)
