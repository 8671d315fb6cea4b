"""What the model is given before an answer: the conversation, within a budget, in its own words."""

from typing import Any

import sqlalchemy as sa

from proxy_server.protocol.chunks import FilePart, Message, TextPart
from proxy_server.store.database import Store, messages
from proxy_server.store.leases import Assignment
from proxy_server.store.rows import message_of

_MOST_MESSAGES = 200
_BEFORE = (
    sa.select(messages)
    .where(
        messages.c.conversation == sa.bindparam("of_conversation"),
        messages.c.ordinal < sa.bindparam("before"),
    )
    .order_by(messages.c.ordinal.desc())
    .limit(_MOST_MESSAGES)
)


class Context:
    """The context of every answer of this service."""

    def __init__(self, store: Store, system_prompt: str, characters: int) -> None:
        self._store = store
        self._system_prompt = system_prompt
        self._characters = characters

    async def before(self, assignment: Assignment) -> list[dict[str, Any]]:
        """The messages of the chat completions API, oldest first; the prompt is always there."""
        if assignment.prompt is not None:
            found = [assignment.prompt]
        else:
            found = await self._messages(assignment)
        system = {"role": "system", "content": self._system_prompt}
        told = [_in_its_words(message) for message in found]
        return [system, *filter(None, told)] if self._system_prompt else [*filter(None, told)]

    async def _messages(self, assignment: Assignment) -> list[Message]:
        where = {"of_conversation": assignment.conversation, "before": assignment.ordinal}
        rows = await self._store.read(lambda connection: connection.execute(_BEFORE, where).all())
        left = self._characters
        chosen: list[Message] = []
        for row in rows:
            left -= len(row.parts)
            if chosen and left < 0:
                break
            chosen.append(message_of(row))
        return chosen[::-1]


def _in_its_words(message: Message) -> dict[str, Any] | None:
    """None for a message with nothing to say, such as an answer that failed at once."""
    content: list[dict[str, Any]] = []
    for part in message.parts:
        if isinstance(part, TextPart):
            content.append({"type": "text", "text": part.text})
        elif isinstance(part, FilePart):
            content.append({"type": "image_url", "image_url": {"url": part.url}})
    if not content:
        return None
    if any(part["type"] != "text" for part in content):
        return {"role": message.role, "content": content}
    return {"role": message.role, "content": "\n".join(part["text"] for part in content)}
