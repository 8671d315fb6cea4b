"""The leases of this process: renewed together, trusted only as long as the database answers."""

import asyncio
from collections.abc import Sequence

from proxy_server.errors import StoreUnavailable
from proxy_server.store.generations import Leases

# A renewal that takes longer than this part of the lease is as good as none.
_RENEWAL_SHARE = 0.8


class Heartbeat:
    """Renews leases, and knows what to do when that took too long."""

    def __init__(self, leases: Leases) -> None:
        self._leases = leases
        self._loop = asyncio.get_running_loop()
        self._renewed_at = self._loop.time()
        self._next: asyncio.Future[None] | None = None
        self._answered_since = self._loop.time()

    def alive(self) -> asyncio.Future[None] | None:
        """None while this process is known to hold its leases; otherwise a future to wait for.

        A process that was paused for longer than a lease must not go on before it has checked
        that its answers are still its own.
        """
        if self._loop.time() - self._renewed_at < self._leases.seconds:
            return None
        if self._next is None:
            self._next = self._loop.create_future()
        # shielded: an answer that is stopped while it waits must not cancel it for the others
        return asyncio.shield(self._next)

    def may_take_over(self) -> bool:
        """Whether the database has answered for as long as a lease lasts.

        After an outage the owners must first have the chance to renew theirs.
        """
        return self._loop.time() - self._answered_since >= self._leases.seconds

    def database_failed(self) -> None:
        self._answered_since = self._loop.time()

    async def renew(self, held: Sequence[str]) -> dict[str, str | None]:
        """Renews the leases of these messages; returns those still ours, with why to stop, if so.

        Raises StoreUnavailable: the answers then go on without a lease, because an outage of the
        database must not end them. A slow one must not hold them up longer than one that is down.
        """
        began = self._loop.time()
        if not held:
            self._beat(began)
            return {}
        try:
            async with asyncio.timeout(_RENEWAL_SHARE * self._leases.seconds):
                leases = await self._leases.renew(held)
        except (StoreUnavailable, TimeoutError) as error:
            self.database_failed()
            self._beat(self._loop.time())
            raise StoreUnavailable(f"leases not renewed: {error!r}") from error
        self._beat(began)
        return leases

    def _beat(self, began: float) -> None:
        self._renewed_at = began
        if self._next is not None:
            self._next.set_result(None)
            self._next = None
