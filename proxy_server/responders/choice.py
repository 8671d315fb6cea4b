"""Several responders by name: the prompt's model name selects one."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack

from proxy_server.protocol.events import Event
from proxy_server.responders.responder import Prompt, Responder


class Choice:
    """Selects a responder by the name of the model.

    named: the responders by model name.
    otherwise: the responder for all other names.
    """

    def __init__(self, named: Mapping[str, Responder], otherwise: Responder) -> None:
        self._named = named
        self._otherwise = otherwise

    def answer(self, prompt: Prompt) -> AbstractAsyncContextManager[AsyncIterator[Sequence[Event]]]:
        return self.of(prompt.model).answer(prompt)

    def of(self, model: str) -> Responder:
        return self._named.get(model, self._otherwise)

    async def close(self) -> None:
        async with AsyncExitStack() as stack:
            for responder in (*self._named.values(), self._otherwise):
                stack.push_async_callback(responder.close)


def may_retry(responder: Responder, model: str) -> bool:
    """Whether the responder for a model may run twice."""
    if isinstance(responder, Choice):
        responder = responder.of(model)
    return bool(getattr(responder, "retry", False))
