"""Limits per user and per address: counted in memory, before anything is done."""

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from time import monotonic

from proxy_server.access.callers import Caller
from proxy_server.errors import LimitReached, Unavailable

_MINUTE = 60.0
# The least that a piece of a file counts as: it also costs a transaction.
_LEAST_PIECE = 40_000
# A client that reconnects asks for everything that it shows at once.
_BURST = 4
# How many buckets are kept; the least recently used is dropped first.
_MOST_BUCKETS = 20_000


class Rate:
    """A token bucket per key: a rate per second, and a burst after a pause."""

    def __init__(
        self, per_second: float, burst: float, clock: Callable[[], float] = monotonic
    ) -> None:
        self._per_second = per_second
        self._burst = max(1.0, burst)
        self._clock = clock
        # in order of use, the oldest first
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str, amount: float = 1) -> float:
        """Returns 0 if allowed, or else the seconds until it is."""
        amount = min(amount, self._burst)
        now = self._clock()
        left, at = self._buckets.get(key, (self._burst, now))
        left = min(self._burst, left + (now - at) * self._per_second)
        allowed = left >= amount
        self._buckets[key] = (left - amount if allowed else left, now)
        self._buckets.move_to_end(key)
        if len(self._buckets) > _MOST_BUCKETS:
            self._buckets.popitem(last=False)
        return 0 if allowed else (amount - left) / self._per_second


class CallLimiter:
    """Limits calls in flight and per second, for each user and for the process.

    at_once, per_second: per user.
    most: in flight in total.
    file_bytes: per second and user, for pieces of files. Those do not count as calls, so files and
        other calls do not slow each other down.
    """

    def __init__(
        self, *, at_once: int, per_second: float, most: int, file_bytes: float = 2_000_000
    ) -> None:
        self._at_once = at_once
        self._most = most
        self._rate = Rate(per_second, burst=_BURST * per_second)
        self._file_rate = Rate(file_bytes, burst=_BURST * file_bytes)
        self._in_flight: Counter[str] = Counter()
        self._all = 0

    @contextmanager
    def call(self, user: str, piece_bytes: int | None = None) -> Iterator[None]:
        """Counts a call while it lasts. Raises LimitReached and Unavailable.

        piece_bytes: the size of the file piece that it moves, if any.
        """
        if self._in_flight[user] >= self._at_once:
            raise LimitReached("Too many calls at once. Try again in 1 second.")
        if seconds := self._wait(user, piece_bytes):
            raise LimitReached(f"Too many calls. Try again in {_in_seconds(seconds)}.")
        if self._all >= self._most:
            raise Unavailable("The service is busy. Try again in a few seconds.")
        self._in_flight[user] += 1
        self._all += 1
        try:
            yield
        finally:
            self._all -= 1
            self._in_flight[user] -= 1
            if not self._in_flight[user]:
                del self._in_flight[user]

    def _wait(self, user: str, piece_bytes: int | None) -> float:
        if piece_bytes is None:
            return self._rate.take(user)
        return self._file_rate.take(user, max(piece_bytes, _LEAST_PIECE))


class AddressLimiter:
    """Limits new visitors and prompts per network address; unknown addresses are not counted."""

    def __init__(self, *, visitors_per_minute: int, prompts_per_minute: int) -> None:
        self._visitors = Rate(visitors_per_minute / _MINUTE, visitors_per_minute)
        self._prompts = Rate(prompts_per_minute / _MINUTE, prompts_per_minute)

    def admit_visitor(self, address: str) -> None:
        """Raises LimitReached."""
        if address and (seconds := self._visitors.take(address)):
            raise LimitReached(
                f"Too many new visitors from your network. Try again in {_in_seconds(seconds)}."
            )

    def admit_prompt(self, address: str) -> None:
        """Raises LimitReached."""
        if address and (seconds := self._prompts.take(address)):
            raise LimitReached(
                f"Too many prompts from your network. Try again in {_in_seconds(seconds)}."
            )


@dataclass(frozen=True, slots=True)
class Shares:
    """Shares of the places, 0 to 1: for one user or address, and for all visitors together."""

    one: float = 1.0
    visitors: float = 1.0


class Places:
    """Tracks who holds this process's places for answers.

    most: the number of places, including those for waiting.
    """

    def __init__(self, most: int, shares: Shares) -> None:
        self._most = most
        self._for_one = max(1, int(most * shares.one))
        self._for_visitors = max(1, int(most * shares.visitors))
        self._holders: dict[str, Caller] = {}
        self._counts: Counter[str] = Counter()
        self._visitors = 0

    @property
    def free(self) -> int:
        return max(0, self._most - len(self._holders))

    def take(self, place: str, caller: Caller) -> None:
        """Raises Unavailable if all places are taken, and LimitReached if the caller has enough."""
        if not self.free:
            raise Unavailable("The service is busy. Try again in a few seconds.")
        for name in _names(caller):
            if self._counts[name] >= self._for_one:
                raise LimitReached(
                    "Too many of your answers are being written. Try again when one is finished."
                )
        if caller.is_visitor and self._visitors >= self._for_visitors:
            raise Unavailable("The service is busy. Try again in a few seconds.")
        self.hold(place, caller)

    def hold(self, place: str, caller: Caller) -> None:
        """Like `take` but without limits: for an answer that was accepted before."""
        if place in self._holders:
            return
        self._holders[place] = caller
        self._counts.update(_names(caller))
        self._visitors += caller.is_visitor

    def give_back(self, place: str) -> None:
        """Releasing a place that is not held is no error."""
        caller = self._holders.pop(place, None)
        if caller is None:
            return
        self._visitors -= caller.is_visitor
        for name in _names(caller):
            self._counts[name] -= 1
            if not self._counts[name]:
                del self._counts[name]


def _names(caller: Caller) -> list[str]:
    names = [f"user {caller.user}"]
    return [*names, f"address {caller.address}"] if caller.address else names


def _in_seconds(seconds: float) -> str:
    whole = max(1, ceil(seconds))
    return f"{whole} second" if whole == 1 else f"{whole} seconds"
