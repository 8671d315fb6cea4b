"""The title of a conversation: cut from its first prompt, or made by the model."""

from collections.abc import Container, Sequence

import structlog

from proxy_server.errors import Failure
from proxy_server.protocol.events import Text
from proxy_server.protocol.messages import FilePart, Message, Metadata, Part, TextPart
from proxy_server.protocol.sessions import Summary
from proxy_server.protocol.turns import Assignment, OutboxEntry
from proxy_server.responders.responder import Prompt, Responder
from proxy_server.store.database import Store
from proxy_server.store.messages import beginning
from proxy_server.store.turns import Turns

_CHARACTERS = 60
_EXCERPT = 1000
# leaves room for a model that reasons before it answers
_MOST_TOKENS = 1000
_INSTRUCTION = (
    "Give this conversation a title of at most six words, in its own language. "
    "Answer with the title alone, without quotation marks."
)

log = structlog.get_logger()


class Titles:
    """Replaces the title that was cut from the prompt, unless its owner has renamed it.

    without: models whose conversations keep the title that was cut.
    """

    def __init__(
        self, responder: Responder, store: Store, turns: Turns, *, without: Container[str] = ()
    ) -> None:
        self._responder = responder
        self._store = store
        self._turns = turns
        self._without = without

    async def make(self, assignment: Assignment) -> tuple[Summary, OutboxEntry] | None:
        """Makes the title after the conversation's first answer; on failure the old one stays."""
        conversation_id = assignment.conversation_id
        if assignment.model in self._without:
            return None
        try:
            begun = await beginning(self._store, conversation_id)
            if begun is None or begun[1].metadata.status != "complete":
                return None
            title = await self._title(assignment, begun)
            if not title:
                return None
            return await self._turns.entitle(conversation_id, title_of(begun[0].parts), title)
        except Failure as error:
            log.warning("title_failed", conversation=conversation_id, error=str(error))
            return None

    async def _title(self, assignment: Assignment, messages: Sequence[Message]) -> str:
        said = "\n\n".join(_excerpt(message) for message in messages)
        question: list[Part] = [TextPart(f"{said}\n\n{_INSTRUCTION}")]
        prompt = Prompt(
            user=assignment.user,
            conversation_id=assignment.conversation_id,
            message_id=assignment.message_id,
            model=assignment.model,
            history=[Message("title", "user", question, Metadata(assignment.created_at))],
            max_output_tokens=_MOST_TOKENS,
        )
        title = ""
        async with self._responder.answer(prompt) as events:
            async for batch in events:
                title += "".join(event.text for event in batch if isinstance(event, Text))
        return " ".join(title.replace("\0", "").split()).strip('"')[:_CHARACTERS]


def title_of(parts: Sequence[Part]) -> str:
    """The beginning of a prompt."""
    words = " ".join(part.text for part in parts if isinstance(part, TextPart)).split()
    title = " ".join(words)
    if len(title) <= _CHARACTERS:
        return title or _title_of_files(parts)
    return title[:_CHARACTERS].rsplit(" ", 1)[0] + "…"


def _title_of_files(parts: Sequence[Part]) -> str:
    files = [part for part in parts if isinstance(part, FilePart)]
    named = next((part.filename for part in files if part.filename), None)
    images = all(part.media_type.startswith("image/") for part in files)
    return named[:_CHARACTERS] if named else "Image" if images else "File"


def _excerpt(message: Message) -> str:
    text = " ".join(part.text for part in message.parts if isinstance(part, TextPart))
    return f"{message.role}: {text[:_EXCERPT]}"
