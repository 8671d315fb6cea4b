"""Clients' requests, and the replies other than a Session."""

from collections.abc import Sequence
from typing import Literal

from msgspec import UNSET, Raw, Struct, UnsetType

from proxy_server.protocol.messages import FilePart, Message, TextPart
from proxy_server.protocol.sessions import Hit, Position, Summary


class Send(Struct):
    conversation: str | None = None
    key: str | None = None
    id: str | None = None
    text: str | None = None
    parts: list[TextPart | FilePart] | None = None
    model: str | None = None
    when_busy: Literal["reject", "queue", "interrupt"] = "reject"
    replaces: str | None = None
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


class Approval(Struct):
    """The user's reply to one request for approval."""

    id: str
    approved: bool
    reason: str | None = None


class ToolOutput(Struct, rename="camel"):
    """The result of a tool that the client ran: either `output` or `errorText`."""

    tool_call_id: str
    output: Raw | UnsetType = UNSET
    error_text: str | UnsetType = UNSET


class Continue(Struct):
    conversation: str
    message: str
    approvals: list[Approval] = []
    outputs: list[ToolOutput] = []
    data: Raw | UnsetType = UNSET


class Choose(Struct):
    conversation: str
    message: str
    limit: int = 50


class List(Struct):
    limit: int = 50
    before: str | None = None
    archived: bool = False


class History(Struct):
    conversation: str
    limit: int = 50
    before: str | None = None


class Rename(Struct):
    conversation: str
    title: str


class Delete(Struct):
    conversation: str


class Models(Struct):
    """Asks for the models that prompts may name."""


class Upload(Struct, rename={"size": "bytes"}):
    id: str
    part: int
    parts: int
    data: bytes
    media_type: str | None = None
    filename: str | None = None
    size: int | None = None


class Download(Struct):
    url: str
    part: int = 1


class Uploaded(Struct):
    """The missing parts, or else the URL of the file."""

    missing: list[int] | UnsetType = UNSET
    url: str | UnsetType = UNSET


class Downloaded(Struct, rename={"size": "bytes"}):
    data: bytes
    parts: int
    media_type: str
    size: int
    filename: str | UnsetType = UNSET


class Archive(Struct):
    conversation: str
    archived: bool


class Search(Struct):
    query: str
    limit: int = 20
    before: str | None = None


class WasStopped(Struct):
    """`stopped`: whether there was anything to stop."""

    stopped: bool


class Listed(Struct):
    conversations: list[Summary]
    channel: str
    since: Position
    next: str | UnsetType = UNSET


class Hits(Struct):
    hits: list[Hit]
    next: str | UnsetType = UNSET


class Page(Struct):
    messages: list[Message]
    next: str | UnsetType = UNSET


class Model(Struct):
    """A model that a prompt may name; `input`: what it accepts, as first words of media types."""

    id: str
    input: Sequence[str]
    title: str | UnsetType = UNSET


class AllModels(Struct):
    """The default model is the first."""

    models: Sequence[Model]


class Done(Struct):
    """Confirms that the change is stored."""
