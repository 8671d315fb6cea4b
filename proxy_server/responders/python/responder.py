"""Answers of a Python function: an operator's async generator, run in a task of its own.

The generator needs its own task so that it closes what it opened in the same task, whatever happens
to the publishing one, and so that a generator that does not end can be abandoned.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from inspect import iscoroutinefunction
from types import AsyncGeneratorType
from typing import Any, cast

import structlog

from proxy_server.errors import ResponderFailed
from proxy_server.protocol.events import Event, Finish
from proxy_server.responders.model.failures import NO_ANSWER_YET, NOT_OURS
from proxy_server.responders.python.loading import load
from proxy_server.responders.python.rounds import Round, Rounds
from proxy_server.responders.python.turn import Turn
from proxy_server.responders.python.yielded import Yielded
from proxy_server.responders.responder import Prompt

# How far a generator may be ahead of what Centrifugo has taken.
_MOST_EVENTS = 4096
_MOST_CHARACTERS = 100_000
_LEAVE_SECONDS = 0.9

_Generator = AsyncGeneratorType[Any, None]

log = structlog.get_logger()


class Run:
    """A running generator; its events gather until they are taken.

    turn: the answer that it makes.
    place: the setting's name for the function.
    """

    def __init__(self, made: _Generator, turn: Turn, place: str) -> None:
        self._made = made
        self.turn = turn
        self.place = place
        self._log = log.bind(conversation=turn.conversation, message=turn.message, responder=place)
        self._yielded = Yielded(turn)
        self._failure: ResponderFailed | None = None
        self._over = False
        self._changed = asyncio.Event()
        self._taken = asyncio.Event()
        self.task = asyncio.create_task(self._drive(), name=f"responder {turn.message}")

    async def events(self) -> AsyncIterator[Sequence[Event]]:
        over = False
        while not over:
            await self._changed.wait()
            self._changed.clear()
            over = self._over
            said = self._yielded.take()
            self._taken.set()
            if said:
                yield said
        if self._failure is not None:
            raise self._failure
        if not self._yielded.spoke:
            raise ResponderFailed("empty", NO_ANSWER_YET, f"{self.place} yielded nothing")
        yield [Finish(self._yielded.finish_reason)]

    def leave_behind(self) -> None:
        """Abandons a function that did not end, and logs where it waits."""
        frame = self._made.ag_frame
        where = f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame else "its end"
        self._log.warning("responder_left_behind", where=where)

    async def _drive(self) -> None:
        try:
            await self.gather()
        except asyncio.CancelledError:
            self._fail("was cancelled from within")
        except ResponderFailed as failure:
            self._failure = failure
        except GeneratorExit:
            # the loop is gone: there is nothing left to await or report
            raise
        except BaseException as error:
            # including SystemExit, which would end the process, and exception groups with it
            self._crashed(error)
        finally:
            self._yielded.end()
            self._over = True
            self._changed.set()

    async def gather(self) -> None:
        """Drives the generator; by this frame the watchdog knows whose code runs."""
        yielded, task = self._yielded, self.task
        rounds = Round(Rounds.of_this_loop())
        try:
            async for value in self._made:
                if task.cancelling():
                    # the function mistook the cancellation for something else
                    raise asyncio.CancelledError
                yielded.add(value)
                self._changed.set()
                if yielded.events >= _MOST_EVENTS or yielded.characters >= _MOST_CHARACTERS:
                    self._taken.clear()
                    await self._taken.wait()
                elif rounds.is_over():
                    await rounds.next()
        finally:
            await self._made.aclose()

    def _fail(self, what: str) -> None:
        self._failure = ResponderFailed("responder", NOT_OURS, f"{self.place} {what}")

    def _crashed(self, error: BaseException) -> None:
        self._log.warning("responder_failed", exc_info=error)
        self._fail(f"raised {type(error).__name__}")


class PythonResponder:
    """A responder for the function or object that a setting names.

    Raises ResponderUnusable if there is none.
    """

    def __init__(self, place: str) -> None:
        self._place = place
        self._function, self._owner = load(place)
        self.retry = any(
            getattr(place, "retry", False) is True for place in (self._function, self._owner)
        )
        # references to tasks that do not end, which nothing else holds
        self._left: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def answer(self, prompt: Prompt) -> AsyncIterator[AsyncIterator[Sequence[Event]]]:
        turn = Turn.of(prompt)
        # calling an async generator function returns a generator, whatever its annotation says
        made = cast(_Generator, self._function(turn))
        run = Run(made, turn, self._place)
        try:
            yield run.events()
        finally:
            await self._leave(run)

    async def close(self) -> None:
        """Calls the object's async `close`, if it has one."""
        close = getattr(self._owner, "close", None)
        if iscoroutinefunction(close):
            await close()

    async def _leave(self, run: Run) -> None:
        task = run.task
        if task.done():
            return
        self._left.add(task)
        task.add_done_callback(self._left.discard)
        task.cancel()
        await asyncio.wait([task], timeout=_LEAVE_SECONDS)
        if not task.done():
            # Otherwise the end of the loop, and of the process, would wait for it.
            asyncio.tasks._unregister_task(task)
            run.leave_behind()
