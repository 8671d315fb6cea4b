"""Removes what nothing needs any more, in small steps; several servers may do this at once."""

from collections.abc import Awaitable, Callable

from proxy_server.answers.background import Background
from proxy_server.store import deletion, upload_uses
from proxy_server.store.database import Store

_STEP_SECONDS = 0.1
_ROUND_SECONDS = 5.0


def sweep_unused_uploads(store: Store) -> Background:
    """Removes files that no message names."""
    return _sweeping("unused uploads", store, upload_uses.sweep)


def sweep_deleted_conversations(store: Store) -> Background:
    """Removes what large conversations have left after their deletion."""
    return _sweeping("deleted conversations", store, deletion.sweep)


def _sweeping(name: str, store: Store, sweep: Callable[[Store], Awaitable[bool]]) -> Background:
    """sweep: removes a portion; whether there was any."""

    async def step() -> float:
        return _STEP_SECONDS if await sweep(store) else _ROUND_SECONDS

    return Background(name, step, pause=_ROUND_SECONDS)
