"""A conversation as models want it, before it takes the form of any API."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from proxy_server.protocol.files import upload_id_of
from proxy_server.protocol.messages import FilePart, Message, Role, TextPart


class Said(NamedTuple):
    """What user or assistant said in one go."""

    role: Role
    parts: list[TextPart | FilePart]

    @property
    def text(self) -> str | None:
        """All of it as a string, if it is only text: every server accepts a string."""
        texts = [part.text for part in self.parts if isinstance(part, TextPart)]
        return "\n".join(texts) if len(texts) == len(self.parts) else None


def in_turn(history: Iterable[Message]) -> list[Said]:
    """User and assistant alternating, the user first, as some models require.

    Messages without content, such as a failed answer, are left out; adjacent messages of one role
    are merged.
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
    """The newer half, starting with a user's message; unchanged if nothing can be left out."""
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
