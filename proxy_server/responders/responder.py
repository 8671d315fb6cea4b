"""What makes the text of an answer: the one interface, and what it is given."""

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
    """What is to be answered.

    history: the conversation within the budget, oldest first; the last message is the prompt.
    message_id: of the assistant message that the answer becomes.
    max_output_tokens: a bound on this answer, below that of the settings.
    data, meta: JSON that came with the prompt, from the client and from Centrifugo.
    key: the client's own name for the conversation.
    trigger: what asked for it. Where an answer goes on, the last message of the history is that
        answer so far, and `decisions` are what it waited for.
    files: of the user, which file parts of the history name by `upload:`.
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

    One with an attribute `retry` that is true may be asked once more for an answer that a crash cut
    off; any other may have had effects.
    """

    def answer(self, prompt: Prompt) -> AbstractAsyncContextManager[AsyncIterator[Sequence[Event]]]:
        """The answer's events, in lists of those that came together.

        Nothing is read ahead: what is not asked for waits at its source. Leaving the context ends
        the work at once. The answer is complete only if a Finish was among its events.

        Raises ResponderFailed, on entering and from the iteration; what was said before then is
        part of the answer.
        """

    async def close(self) -> None:
        """Lets go of connections; no answer is under way."""
