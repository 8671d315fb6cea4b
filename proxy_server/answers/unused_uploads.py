"""Removes files that no message names any more, or came to name, by small steps of any replica."""

import asyncio
from contextlib import suppress

import structlog

from proxy_server.errors import StoreUnavailable
from proxy_server.store.database import Store
from proxy_server.store.upload_uses import sweep

# Between two steps: users' calls go before.
_STEP_SECONDS = 0.1
_ROUND_SECONDS = 5.0

log = structlog.get_logger()


class UnusedUploads:
    """The sweep of this process; several at once do each other no harm."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run(), name="unused uploads")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            more = False
            try:
                more = await sweep(self._store)
            except StoreUnavailable as error:
                log.warning("store_unavailable", error=str(error))
            await asyncio.sleep(_STEP_SECONDS if more else _ROUND_SECONDS)
