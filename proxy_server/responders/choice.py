"""Several responders by name: the model that a prompt names says which one answers."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack

from proxy_server.protocol.events import Event
from proxy_server.responders.responder import Prompt, Responder


class Choice:
    """named: by the names that prompts may give; otherwise: who answers to all others."""

    def __init__(self, named: Mapping[str, Responder], otherwise: Responder) -> None:
        self._named = named
        self._otherwise = otherwise

    def answer(self, prompt: Prompt) -> AbstractAsyncContextManager[AsyncIterator[Sequence[Event]]]:
        return self._named.get(prompt.model, self._otherwise).answer(prompt)

    async def close(self) -> None:
        async with AsyncExitStack() as stack:
            for responder in (*self._named.values(), self._otherwise):
                stack.push_async_callback(responder.close)
