"""Removes what deleted conversations have left, in small steps on any replica."""

from proxy_server.answers.background import Background
from proxy_server.store.database import Store
from proxy_server.store.deletion import sweep

_STEP_SECONDS = 0.1
_ROUND_SECONDS = 5.0


def sweep_deleted(store: Store) -> Background:
    """Several processes may do this at once."""

    async def step() -> float:
        return _STEP_SECONDS if await sweep(store) else _ROUND_SECONDS

    return Background("deleted conversations", step, pause=_ROUND_SECONDS)
