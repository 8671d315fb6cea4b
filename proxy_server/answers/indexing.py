"""Reads what is not in the index of words into it, in the background and by small steps."""

import asyncio
from contextlib import suppress

import structlog

from proxy_server.errors import StoreUnavailable
from proxy_server.store.database import Store
from proxy_server.store.search_steps import index_some

# Between two steps: users' calls go before.
_STEP_SECONDS = 0.2
# Where all is there: to look costs next to nothing.
_REST_SECONDS = 5.0

log = structlog.get_logger()


class Indexing:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run(), name="indexing")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        steps = 0
        while True:
            try:
                more = await index_some(self._store)
            except StoreUnavailable as error:
                log.warning("store_unavailable", error=str(error))
                more = False
            steps += more
            if steps and not more:
                log.info("messages_indexed", steps=steps)
                steps = 0
            await asyncio.sleep(_STEP_SECONDS if more else _REST_SECONDS)
