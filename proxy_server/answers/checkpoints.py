"""Stores checkpoints of growing answers: all of a process together, or one urgent one."""

from collections.abc import Iterable

from proxy_server.answers.progress import Progress
from proxy_server.errors import StoreUnavailable
from proxy_server.store.generations import Leases


class Checkpoints:
    """Stores the progress of answers. What could not be stored is stored the next time."""

    def __init__(self, leases: Leases) -> None:
        self._leases = leases

    async def store(self, growing: Iterable[Progress]) -> None:
        """Raises StoreUnavailable."""
        known = list(growing)
        found = [progress.checkpoint() for progress in known]
        checkpoints = [checkpoint for checkpoint in found if checkpoint is not None]
        if not checkpoints:
            return
        try:
            await self._leases.checkpoint(checkpoints)
        except StoreUnavailable:
            for progress in known:
                progress.checkpoint_again()
            raise
