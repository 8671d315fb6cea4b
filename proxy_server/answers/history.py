"""What a responder is given: the conversation before an answer, within a budget."""

from collections.abc import Sequence

from proxy_server.protocol.messages import FilePart, Message, TextPart
from proxy_server.protocol.turns import FIRST_ANSWER, FIRST_PROMPT, Assignment, Trigger
from proxy_server.store.database import Store
from proxy_server.store.messages import page_before

_PAGE_MESSAGES = 50
_PAGE_BYTES = 256_000
# What a picture is to a model, whatever the length of its base64: some thousand tokens.
_IMAGE_CHARACTERS = 4_000


class History:
    """The history of every answer of this service.

    characters: the budget, in which what the model is not sent costs nothing.
    """

    def __init__(self, store: Store, characters: int) -> None:
        self._store = store
        self._characters = characters

    async def before(self, assignment: Assignment) -> list[Message]:
        """Oldest first; the last is the prompt, which is always there."""
        if assignment.ordinal == FIRST_ANSWER and assignment.prompt is not None:
            return [assignment.prompt]
        left, ordinal = self._characters, assignment.ordinal
        chosen: list[Message] = []
        while ordinal > FIRST_PROMPT:
            page = await page_before(
                self._store, assignment.conversation_id, ordinal, _PAGE_MESSAGES, _PAGE_BYTES
            )
            if not page:
                break
            for _, message in reversed(page):
                left -= _cost(message)
                if chosen and left < 0:
                    return chosen[::-1]
                chosen.append(message)
            ordinal = page[0][0]
        return chosen[::-1]


def trigger_of(assignment: Assignment, history: Sequence[Message]) -> Trigger:
    """A prompt and its first answer are stored in the same moment; what is made anew is later."""
    last = history[-1]
    is_first = last.role == "assistant" or last.metadata.created_at == assignment.created_at
    return "prompt" if is_first else "regenerate"


def _cost(message: Message) -> int:
    """Characters that the model is sent: reasoning is not among them."""
    return sum(
        len(part.text)
        if isinstance(part, TextPart)
        else _IMAGE_CHARACTERS
        if isinstance(part, FilePart)
        else 0
        for part in message.parts
    )
