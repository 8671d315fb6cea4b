"""The interface of everything that makes the text of an answer."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

from proxy_server.protocol.events import Event
from proxy_server.protocol.files import Files, NoFiles
from proxy_server.protocol.messages import Message
from proxy_server.protocol.turns import Trigger
from proxy_server.protocol.waiting import Decision


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt to answer.

    history: the conversation within the budget, oldest first; the last message is the prompt.
    message_id: of the assistant message that the answer becomes.
    max_output_tokens: a limit for this answer, below that of the settings.
    data, meta: JSON that came with the prompt, from the client and from Centrifugo.
    key: the client's own name for the conversation.
    trigger: what asked for the answer. If an answer goes on, the history's last message is the
        answer so far, and `decisions` are what it waited for.
    files: the user's files, to which file parts of the history refer by `upload:`.
    """

    user: str
    conversation_id: str
    message_id: str
    model: str
    history: Sequence[Message]
    max_output_tokens: int | None = None
    data: str | None = None
    meta: str | None = None
    key: str | None = None
    trigger: Trigger = "prompt"
    decisions: Sequence[Decision] = ()
    files: Files = field(default_factory=NoFiles)


class Responder(Protocol):
    """Answers prompts.

    If its attribute `retry` is true, it may be asked again for an answer that a crash cut off; any
    other responder may have had side effects.
    """

    def answer(self, prompt: Prompt) -> AbstractAsyncContextManager[AsyncIterator[Sequence[Event]]]:
        """Yields the answer's events, in lists of those that arrived together.

        Nothing is read ahead: what is not requested waits at its source. Leaving the context ends
        the work at once. The answer is complete only if a Finish was among its events.
        Raises ResponderFailed, on entering and during the iteration; earlier events remain part of
        the answer.
        """

    async def close(self) -> None:
        """Closes connections; no answer is running."""
