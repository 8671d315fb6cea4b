"""The title of a conversation, made by the model from its first prompt and answer."""

import uuid
from collections.abc import Callable

import structlog

from proxy_server.channels import Channels
from proxy_server.chunks import Message, Summary, TextPart, TitlePublication, encode
from proxy_server.conversations import Conversations
from proxy_server.errors import Failure
from proxy_server.leases import Assignment
from proxy_server.model import Model
from proxy_server.publisher import Publisher

_CHARACTERS = 60
_EXCERPT = 1000
_INSTRUCTION = (
    "Give this conversation a title of at most six words, in its own language. "
    "Answer with the title alone, without quotation marks."
)

log = structlog.get_logger()


class Titles:
    """Replaces the title that was cut from the prompt, unless its owner was faster."""

    def __init__(
        self,
        *,
        model: Model,
        conversations: Conversations,
        publisher: Publisher,
        channels: Channels,
        announce: Callable[[str, Summary], None],
    ) -> None:
        self._model = model
        self._conversations = conversations
        self._publisher = publisher
        self._channels = channels
        self._announce = announce

    async def make(self, assignment: Assignment, old: str) -> None:
        """Makes the title after the conversation's first answer; a failure leaves the old one."""
        try:
            view = await self._conversations.view(assignment.owner, assignment.conversation, 2)
            said = "\n\n".join(_excerpt(message) for message in view.messages)
            prompt = [{"role": "user", "content": f"{said}\n\n{_INSTRUCTION}"}]
            answer = await self._model.complete(assignment.model, prompt)
            title = " ".join(answer.replace("\0", "").split()).strip('"')[:_CHARACTERS]
            if not title:
                return
            summary = await self._conversations.entitle(assignment.conversation, old, title)
        except Failure as error:
            log.warning("title_failed", conversation=assignment.conversation, error=str(error))
            return
        if summary is not None:
            channel = self._channels.of_conversation(assignment.conversation)
            self._publisher.post(channel, encode(TitlePublication(title)), uuid.uuid4().hex)
            self._announce(assignment.owner, summary)


def _excerpt(message: Message) -> str:
    text = " ".join(part.text for part in message.parts if isinstance(part, TextPart))
    return f"{message.role}: {text[:_EXCERPT]}"
