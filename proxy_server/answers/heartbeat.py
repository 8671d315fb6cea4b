"""The leases of this process: renewed together, trusted only while the database answers."""

import asyncio
from collections.abc import Sequence

from proxy_server.errors import StoreUnavailable
from proxy_server.store.generations import Leases

# A renewal that takes longer than this share of the lease counts as failed.
_RENEWAL_SHARE = 0.8


class Heartbeat:
    """Renews leases; knows what to do if that took too long."""

    def __init__(self, leases: Leases) -> None:
        self._leases = leases
        self._loop = asyncio.get_running_loop()
        self._renewed_at = self._loop.time()
        self._next: asyncio.Future[None] | None = None
        self._answered_since = self._loop.time()

    def alive(self) -> asyncio.Future[None] | None:
        """None while this process is sure to hold its leases; otherwise a future to wait for.

        A process that was paused for longer than a lease must first check that its answers are
        still its own.
        """
        if self._loop.time() - self._renewed_at < self._leases.seconds:
            return None
        if self._next is None:
            self._next = self._loop.create_future()
        # shielded: an answer that is stopped while waiting must not cancel it for the others
        return asyncio.shield(self._next)

    def may_take_over(self) -> bool:
        """Whether the database has answered for at least the length of a lease.

        After an outage, the owners must first get the chance to renew their leases.
        """
        return self._loop.time() - self._answered_since >= self._leases.seconds

    def database_failed(self) -> None:
        self._answered_since = self._loop.time()

    async def renew(self, held: Sequence[str]) -> dict[str, str | None]:
        """Renews the leases of these messages; returns those still held, with any stop request.

        Raises StoreUnavailable: the answers then go on without a lease, because an outage of the
        database must not end them. A slow database must not delay them longer than an outage would.
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
