"""The room that the files of all anonymous visitors share: each may become many visitors."""

from collections.abc import Callable
from time import monotonic

import sqlalchemy as sa

from proxy_server.errors import LimitReached
from proxy_server.store.database import Store
from proxy_server.store.schema import OF_VISITORS
from proxy_server.store.uploads import GONE, LEAST_COUNTED, counted

# Those who are refused try again, and must not make the database count each time.
_KNOWN_SECONDS = 5.0
# written out, so that both databases see that the index of them has all that is asked for
_STORED = sa.select(counted()).where(sa.text(OF_VISITORS), ~GONE)


class VisitorsRoom:
    """most: bytes. Counted from what is stored, and from what has begun here since then.

    Several servers at once may store a little more.
    """

    def __init__(self, store: Store, most: int, clock: Callable[[], float] = monotonic) -> None:
        self._store = store
        self._most = most
        self._clock = clock
        self._stored = 0
        self._counted_at: float | None = None

    async def check(self, size: int) -> None:
        """Raises LimitReached where a file of that size has no room."""
        now = self._clock()
        if self._counted_at is None or now - self._counted_at >= _KNOWN_SECONDS:
            self._stored = await self._store.read(
                lambda connection: connection.execute(_STORED).scalar_one()
            )
            self._counted_at = now
        if self._stored + max(size, LEAST_COUNTED) > self._most:
            raise LimitReached("There is no room for more files of visitors. Try again later.")

    def take(self, size: int) -> None:
        """A file of that size has begun."""
        self._stored += max(size, LEAST_COUNTED)
