"""Work that runs in the background, step by step, as long as the process lives."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from proxy_server.errors import StoreUnavailable

log = structlog.get_logger()


class Background:
    """Repeats a step.

    step: may return the seconds until the next one; by default, and if it fails, `pause`.
    first: the seconds until the first one.
    """

    def __init__(
        self,
        name: str,
        step: Callable[[], Awaitable[float | None]],
        *,
        pause: float,
        first: float = 0,
    ) -> None:
        self._name = name
        self._step = step
        self._pause = pause
        self._task = asyncio.get_running_loop().create_task(self._run(first), name=name)

    async def close(self) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def _run(self, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            seconds = self._pause
            try:
                wanted = await self._step()
            except StoreUnavailable as error:
                log.warning("store_unavailable", error=str(error))
            except Exception:
                log.exception("background_failed", task=self._name)
            else:
                seconds = self._pause if wanted is None else wanted
