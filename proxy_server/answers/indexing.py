"""Adds missing messages to the search index, in small steps."""

import structlog

from proxy_server.answers.background import Background
from proxy_server.store.database import Store
from proxy_server.store.search_steps import index_some

_STEP_SECONDS = 0.2
# The pause when nothing is missing: a look is cheap.
_REST_SECONDS = 5.0

log = structlog.get_logger()


class Indexing:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._steps = 0

    def begin(self) -> Background:
        return Background("indexing", self._step, pause=_REST_SECONDS)

    async def _step(self) -> float:
        if await index_some(self._store):
            self._steps += 1
            return _STEP_SECONDS
        if self._steps:
            log.info("messages_indexed", steps=self._steps)
            self._steps = 0
        return _REST_SECONDS
