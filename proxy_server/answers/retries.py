"""Repeats what an answer cannot do without until it succeeds, at random intervals.

The first try bypasses the retry library, which often costs more than the try.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from tenacity import (
    AsyncRetrying,
    retry_if_exception_type,
    stop_after_attempt,
    stop_after_delay,
    wait_fixed,
    wait_random_exponential,
)

from proxy_server.errors import BeingClosed
from proxy_server.protocol.turns import View

# random, so that many answers do not retry at the same moment
_AGAIN = wait_random_exponential(multiplier=0.2, max=1)
# The end of an answer that was taken over is stored within a moment of its publication. A client's
# call can wait that long: by default, Centrifugo allows a proxied call one second.
_CLOSING_SECONDS, _LOOK_SECONDS = 0.7, 0.05
_LOOKS = round(_CLOSING_SECONDS / _LOOK_SECONDS)

_T = TypeVar("_T")


async def until_it_succeeds(
    work: Callable[[], Awaitable[_T]],
    error: type[Exception],
    failed: Callable[[Exception], object] = repr,
) -> _T:
    """Repeats the work until it raises no such error; `failed` is called the first time."""
    try:
        return await work()
    except error as raised:
        failed(raised)
    return await _repeated(work, AsyncRetrying(retry=retry_if_exception_type(error), wait=_AGAIN))


async def once_closed(work: Callable[[], Awaitable[_T]]) -> _T:
    """Repeats the work briefly while an answer in its way has ended but is not stored yet.

    Raises BeingClosed if that takes longer.
    """
    try:
        return await work()
    except BeingClosed:
        pass
    again = AsyncRetrying(
        retry=retry_if_exception_type(BeingClosed),
        wait=wait_fixed(_LOOK_SECONDS),
        stop=stop_after_attempt(_LOOKS) | stop_after_delay(_CLOSING_SECONDS),
        reraise=True,
    )
    return await _repeated(work, again)


async def _repeated(work: Callable[[], Awaitable[_T]], again: AsyncRetrying) -> _T:
    async for attempt in again:
        with attempt:
            return await work()
    raise AssertionError("the last attempt returns or raises")


async def closed_if_published(view: Callable[[], Awaitable[View]]) -> View:
    """A view as clients know it: an answer whose end was published is closed in it."""
    seen: list[View] = []

    async def look() -> View:
        seen[:] = [await view()]
        if seen[0].being_closed:
            raise BeingClosed
        return seen[0]

    try:
        return await once_closed(look)
    except BeingClosed:
        return seen[0]
