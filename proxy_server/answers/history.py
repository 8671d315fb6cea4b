"""What a responder is given: the conversation before an answer, within a budget."""

import sqlalchemy as sa

from proxy_server.protocol.messages import Message
from proxy_server.protocol.turns import FIRST_ANSWER, Assignment
from proxy_server.store.database import Store
from proxy_server.store.messages import message_of
from proxy_server.store.schema import messages

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


class History:
    """The history of every answer of this service."""

    def __init__(self, store: Store, characters: int) -> None:
        self._store = store
        self._characters = characters

    async def before(self, assignment: Assignment) -> list[Message]:
        """Oldest first; the last is the prompt, which is always there."""
        if assignment.ordinal == FIRST_ANSWER and assignment.prompt is not None:
            return [assignment.prompt]
        where = {"of_conversation": assignment.conversation_id, "before": assignment.ordinal}
        rows = await self._store.read(lambda connection: connection.execute(_BEFORE, where).all())
        left = self._characters
        chosen: list[Message] = []
        for row in rows:
            left -= len(row.parts)
            if chosen and left < 0:
                break
            chosen.append(message_of(row))
        return chosen[::-1]
