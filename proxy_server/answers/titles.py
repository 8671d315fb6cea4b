"""The title of a conversation: cut from its first prompt, given by an answer, or made."""

from collections.abc import Container, Sequence

import structlog

from proxy_server.answers.outbox_relay import OutboxRelay
from proxy_server.delivery.announcements import Announcements
from proxy_server.errors import Failure
from proxy_server.protocol.events import Text
from proxy_server.protocol.messages import FilePart, Message, Metadata, Part, TextPart
from proxy_server.protocol.sessions import Summary
from proxy_server.protocol.titles import one_line
from proxy_server.protocol.turns import FIRST_ANSWER, Assignment, OutboxEntry
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
    """Replaces a title that no user gave.

    model: if given, makes one after the first answer.
    without: models whose conversations keep the title that was cut.
    """

    def __init__(
        self,
        store: Store,
        turns: Turns,
        relay: OutboxRelay,
        announcements: Announcements,
        *,
        model: Responder | None = None,
        without: Container[str] = (),
    ) -> None:
        self._store = store
        self._turns = turns
        self._relay = relay
        self._announcements = announcements
        self._model = model
        self._without = without

    def makes(self, assignment: Assignment) -> bool:
        """Whether the model is to be asked for one, where the answer itself gave none."""
        is_first = assignment.ordinal == FIRST_ANSWER
        return self._model is not None and is_first and assignment.model not in self._without

    async def replace(self, assignment: Assignment, given: str | None) -> None:
        """By the title that the answer gave, or else one that is made; on failure the old stays."""
        try:
            replaced = await self._replaced(assignment, given)
        except Failure as error:
            log.warning("title_failed", conversation=assignment.conversation_id, error=str(error))
            return
        if replaced is not None:
            summary, entry = replaced
            self._relay.send(entry)
            self._announcements.summary(assignment.user, summary)

    async def _replaced(
        self, assignment: Assignment, given: str | None
    ) -> tuple[Summary, OutboxEntry] | None:
        begun = await beginning(self._store, assignment.conversation_id)
        if begun is None:
            return None
        title = given or await self._made(assignment, begun)
        if not title:
            return None
        cut = title_of(begun[0].parts)
        return await self._turns.entitle(assignment.conversation_id, cut, title)

    async def _made(self, assignment: Assignment, begun: Sequence[Message]) -> str | None:
        if self._model is None or begun[1].metadata.status != "complete":
            return None
        return await self._title(self._model, assignment, begun)

    async def _title(
        self, model: Responder, assignment: Assignment, messages: Sequence[Message]
    ) -> str:
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
        async with model.answer(prompt) as events:
            async for batch in events:
                title += "".join(event.text for event in batch if isinstance(event, Text))
        return one_line(title).strip('"')[:_CHARACTERS]


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
