"""Conversations as clients open, list, find and follow them."""

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from proxy_server.protocol.messages import Message


class Position(Struct, frozen=True, gc=False):
    """A position in a channel's history, as acknowledged by Centrifugo."""

    offset: int
    epoch: str


BEGINNING = Position(0, "")
"""Before the first publication of a channel that nobody has published to yet."""


class GenerationState(Struct, frozen=True, gc=False):
    """The progress of a session's answer: `seq` is the last publication that it contains.

    A `waiting` answer goes on only after a decision.
    """

    message: str
    seq: int
    status: Literal["queued", "streaming", "waiting"]


class Session(Struct):
    """Everything needed to show a conversation and to follow it live.

    `key` is the client's own name for it, if any. `next` is the cursor of `ai:history` for the
    messages before these, if any.
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
    """A conversation's entry in its owner's list; `updated_at` is in Unix seconds.

    `version` grows with each change, so that a reader can drop an older summary.
    """

    id: str
    title: str
    updated_at: float
    status: str
    version: int
    key: str | UnsetType = UNSET
    archived: bool | UnsetType = UNSET


class Hit(Struct):
    """A search result: a message, or a title if `message` is absent.

    marks: the matches in the excerpt, in UTF-16 code units, as JavaScript counts.
    """

    conversation: str
    title: str
    excerpt: str
    marks: list[tuple[int, int]]
    at: float
    message: str | UnsetType = UNSET
    archived: bool | UnsetType = UNSET
