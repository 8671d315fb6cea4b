"""A conversation as models want it, before any API's own form."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from proxy_server.protocol.files import upload_id_of
from proxy_server.protocol.messages import FilePart, Message, Role, TextPart


class Said(NamedTuple):
    """What one of the two said, until the other one spoke."""

    role: Role
    parts: list[TextPart | FilePart]

    @property
    def text(self) -> str | None:
        """All of it, where that is text alone: every server takes a string."""
        texts = [part.text for part in self.parts if isinstance(part, TextPart)]
        return "\n".join(texts) if len(texts) == len(self.parts) else None


def in_turn(history: Iterable[Message]) -> list[Said]:
    """User and assistant in turn, the user first, as models ask for that want it so.

    Messages with nothing to say, such as an answer that failed, are left out; neighbours of one
    role become one.
    """
    turns: list[Said] = []
    for message in history:
        parts = _content(message)
        if not parts or (not turns and message.role == "assistant"):
            continue
        if turns and turns[-1].role == message.role:
            turns[-1].parts.extend(parts)
        else:
            turns.append(Said(message.role, parts))
    return turns


def without_oldest(history: Sequence[Message]) -> Sequence[Message]:
    """The newer half, from a user's message on; the same where nothing can be left out."""
    for at in range(max(1, len(history) // 2), len(history)):
        if history[at].role == "user":
            return history[at:]
    return history


def _content(message: Message) -> list[TextPart | FilePart]:
    return [
        part
        for part in message.parts
        if (isinstance(part, TextPart) and part.text)
        or (isinstance(part, FilePart) and upload_id_of(part.url) is None)
    ]
