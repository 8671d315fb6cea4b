"""What all answers of an agent share: its connections and the servers that it starts."""

import asyncio
from contextlib import AbstractAsyncContextManager


class Held:
    """A context that is entered for the first answer and left at the end of the service.

    By one task of its own: such contexts must be left by the task that entered them, and answers
    come in tasks that end before.
    """

    def __init__(self, context: AbstractAsyncContextManager[object]) -> None:
        self._context = context
        self._task: asyncio.Task[None] | None = None
        self._tried = asyncio.Event()
        self._end = asyncio.Event()
        self._failure: Exception | None = None

    async def enter(self) -> None:
        """Raises what entering raised; the next answer tries again."""
        if self._task is None or (self._task.done() and self._failure is not None):
            self._tried = asyncio.Event()
            self._failure = None
            self._task = asyncio.create_task(self._hold(), name="what an agent holds")
        await self._tried.wait()
        if self._failure is not None:
            raise self._failure

    async def close(self) -> None:
        if self._task is not None:
            self._end.set()
            await self._task

    async def _hold(self) -> None:
        try:
            async with self._context:
                self._tried.set()
                await self._end.wait()
        except Exception as error:
            self._failure = error
            if self._end.is_set():
                raise
        finally:
            self._tried.set()
