"""What all answers of an agent share: its connections and the tool servers that it starts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from proxy_server.errors import ResponderFailed


class Held:
    """A context that is entered for the first answer and left when the service ends.

    A separate task enters and leaves it: such contexts must be left by the task that entered them,
    and the task of an answer ends earlier.
    """

    def __init__(self, context: AbstractAsyncContextManager[object]) -> None:
        self._context = context
        self._task: asyncio.Task[None] | None = None
        self._entered = asyncio.Event()
        self._end = asyncio.Event()
        self._lock = asyncio.Lock()
        self._answers = 0
        self._doubted = False

    @asynccontextmanager
    async def during_an_answer(self) -> AsyncIterator[None]:
        """Raises what entering the context raised; the next answer tries again."""
        async with self._lock:
            if self._doubted and not self._answers:
                await self._leave()
            if self._task is None:
                await self._enter()
            self._answers += 1
        try:
            yield
        except ResponderFailed:
            # the model failed, not the shared context
            raise
        except Exception:
            self.doubt()
            raise
        finally:
            self._answers -= 1

    def doubt(self) -> None:
        """Something failed, perhaps a dead tool server: enter again once no answer is running."""
        self._doubted = True

    async def close(self) -> None:
        async with self._lock:
            await self._leave()

    async def _enter(self) -> None:
        self._doubted = False
        self._entered, self._end = asyncio.Event(), asyncio.Event()
        task = asyncio.create_task(self._hold(), name="what an agent holds")
        entered = asyncio.create_task(self._entered.wait())
        try:
            await asyncio.wait((task, entered), return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            task.cancel()
            raise
        finally:
            entered.cancel()
        if task.done():
            task.result()
        self._task = task

    async def _hold(self) -> None:
        async with self._context:
            self._entered.set()
            await self._end.wait()

    async def _leave(self) -> None:
        if (task := self._task) is not None:
            self._task = None
            self._end.set()
            await asyncio.wait((task,))
