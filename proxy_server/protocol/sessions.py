"""Conversations as clients open, list, find and follow them."""

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from proxy_server.protocol.messages import Message


class Position(Struct, frozen=True, gc=False):
    """A place in a channel's history, as Centrifugo acknowledged it."""

    offset: int
    epoch: str


BEGINNING = Position(0, "")
"""Before the first publication of a channel that nobody has published to yet."""


class GenerationState(Struct, frozen=True, gc=False):
    """How far the answer in a session has come: `seq` is the last publication it contains.

    One that is `waiting` goes on only when somebody decides.
    """

    message: str
    seq: int
    status: Literal["queued", "streaming", "waiting"]


class Session(Struct):
    """Everything needed to show a conversation and to follow it live.

    `key` is its client's own name for it, where it has one.
    `next` is the cursor of `ai:history` for the messages before these, where there are any.
    """

    conversation: str
    channel: str
    title: str
    messages: list[Message]
    since: Position
    generation: GenerationState | None
    next: str | UnsetType = UNSET
    key: str | UnsetType = UNSET
    archived: bool | UnsetType = UNSET


class Summary(Struct, gc=False):
    """A conversation as it stands in its owner's list; `updated_at` in Unix seconds.

    `version` grows with each change of it, so that a reader can drop an older summary.
    """

    id: str
    title: str
    updated_at: float
    status: str
    version: int
    key: str | UnsetType = UNSET
    archived: bool | UnsetType = UNSET


class Hit(Struct):
    """A text that has what was looked for: a message, or where that is absent, a title.

    marks: the places in the excerpt that match, in UTF-16 code units, as JavaScript counts.
    """

    conversation: str
    title: str
    excerpt: str
    marks: list[tuple[int, int]]
    at: float
    message: str | UnsetType = UNSET
    archived: bool | UnsetType = UNSET
