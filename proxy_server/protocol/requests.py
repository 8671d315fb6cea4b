"""What clients ask for, and the replies that are not a Session."""

from typing import Literal

from msgspec import UNSET, Raw, Struct, UnsetType

from proxy_server.protocol.messages import FilePart, Message, TextPart
from proxy_server.protocol.sessions import Position, Summary


class Send(Struct):
    conversation: str | None = None
    key: str | None = None
    id: str | None = None
    text: str | None = None
    parts: list[TextPart | FilePart] | None = None
    model: str | None = None
    when_busy: Literal["reject", "queue", "interrupt"] = "reject"
    data: Raw | UnsetType = UNSET


class Open(Struct):
    conversation: str | None = None
    key: str | None = None
    limit: int = 50


class Stop(Struct):
    conversation: str
    message: str | None = None


class Regenerate(Struct):
    conversation: str
    message: str | None = None
    id: str | None = None
    data: Raw | UnsetType = UNSET


class List(Struct):
    limit: int = 50
    before: str | None = None


class History(Struct):
    conversation: str
    limit: int = 50
    before: str | None = None


class Rename(Struct):
    conversation: str
    title: str


class Delete(Struct):
    conversation: str


class WasStopped(Struct):
    """`stopped`: whether there was anything to stop."""

    stopped: bool


class Listed(Struct):
    conversations: list[Summary]
    channel: str
    since: Position
    next: str | UnsetType = UNSET


class Page(Struct):
    messages: list[Message]
    next: str | UnsetType = UNSET


class Done(Struct):
    """Nothing to tell but that it is stored."""
