"""Removes conversations that have passed their age limit, in small steps."""

import structlog

from proxy_server.answers.background import Background
from proxy_server.answers.outbox_relay import OutboxRelay
from proxy_server.store.database import Store
from proxy_server.store.retention import remove_old

_STEP_CONVERSATIONS, _STEP_MESSAGES = 200, 1_000
_STEP_SECONDS = 1.0
_ROUND_SECONDS = 3600.0
# The pause while the database is down.
_AGAIN_SECONDS = 60.0

log = structlog.get_logger()


class Retention:
    """days, visitors_days: how long their conversations are kept; 0 is forever."""

    def __init__(
        self, store: Store, relay: OutboxRelay, *, days: float, visitors_days: float
    ) -> None:
        self._store = store
        self._relay = relay
        self._days = days
        self._visitors_days = visitors_days
        self._cursor = ""

    def begin(self) -> Background:
        return Background("retention", self._step, pause=_AGAIN_SECONDS)

    async def _step(self) -> float:
        if not (self._days or self._visitors_days):
            return _ROUND_SECONDS
        step = await remove_old(
            self._store,
            self._cursor,
            days=self._days,
            visitors_days=self._visitors_days,
            most=_STEP_CONVERSATIONS,
            most_messages=_STEP_MESSAGES,
        )
        self._cursor = step.cursor
        if step.removed:
            log.info("conversations_expired", conversations=len(step.removed))
        for entry in step.removed:
            self._relay.delete(entry)
        return _STEP_SECONDS if self._cursor else _ROUND_SECONDS
