"""What layers hand each other on the way of a prompt: values, without a database or an edge."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from msgspec.structs import replace

from proxy_server.protocol.messages import Message, Metadata, Part, Status, Usage
from proxy_server.protocol.publications import idempotency_key
from proxy_server.protocol.requests import Approval, ToolOutput
from proxy_server.protocol.sessions import GenerationState, Position, Summary
from proxy_server.protocol.waiting import Decision

WhenBusy = Literal["reject", "queue", "interrupt"]
Trigger = Literal["prompt", "regenerate", "continue"]

FIRST_PROMPT, FIRST_ANSWER = 1, 2
"""Ordinals of a conversation's first messages."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A prompt that was checked as far as that goes without the database.

    conversation_id: where `key` is given, that of a conversation to begin if there is none of it.
    message_id: the id its client gave it; answer_id: the one of the answer to come.
    since: where the conversation's channel stood before anything was stored.
    replaces: the prompt of which this is another version.
    """

    user: str
    conversation_id: str
    is_new: bool
    message_id: str
    answer_id: str
    parts: list[Part]
    model: str
    title: str
    when_busy: WhenBusy
    since: Position
    key: str | None = None
    data: str | None = None
    meta: str | None = None
    replaces: str | None = None


@dataclass(frozen=True, slots=True)
class Regeneration:
    """An answer that is to be made anew.

    message_id: the one to replace, or its prompt, by default the last; answer_id: the one in its
        place.
    models: those allowed, the usual one first; the answer's own stays where it is one of them.
    """

    user: str
    conversation_id: str
    message_id: str | None
    answer_id: str
    models: tuple[str, ...]
    since: Position
    data: str | None = None
    meta: str | None = None


@dataclass(frozen=True, slots=True)
class Decided:
    """What was decided of an answer that waits.

    since: where the conversation's channel stood before anything was stored.
    """

    user: str
    conversation_id: str
    message_id: str
    approvals: Sequence[Approval]
    outputs: Sequence[ToolOutput]
    since: Position
    data: str | None = None
    meta: str | None = None


@dataclass(frozen=True, slots=True)
class Assignment:
    """One answer to make or to end, with its checkpoint: `parts` are those up to `seq`.

    was_queued: its position is older than other answers of the conversation.
    prompt, after: where nothing is known to be published of the answer: what it answers, and the
        id of the message before that. They go out with the first publication. A prompt that is one
        of several versions does not say where it stands to one who does not have it: its `after` is
        the answer's own id, which nobody knows, so that they open again.
    versions: the ids of all versions of an answer that is new, where there are several.
    data, meta: JSON that came with the prompt, from the client and from Centrifugo.
    stored: the answer's metadata, where another server may have stored it.
    trigger: what asked for it, or for its going on; then `decisions` are what was decided.
    key: the client's own name for the conversation.
    stopping: somebody has asked for its end.
    """

    conversation_id: str
    message_id: str
    user: str
    model: str
    ordinal: int
    created_at: float
    position: Position
    seq: int = 0
    parts: list[Part] = field(default_factory=list)
    was_queued: bool = False
    prompt: Message | None = None
    after: str | None = None
    data: str | None = None
    meta: str | None = None
    key: str | None = None
    stopping: bool = False
    versions: list[str] | None = None
    stored: Metadata | None = None
    trigger: Trigger = "prompt"
    decisions: Sequence[Decision] = ()

    @property
    def usage(self) -> Usage | None:
        """What it had cost when it came to wait."""
        return self.stored.usage if self.stored is not None else None

    def metadata(self, status: Status) -> Metadata:
        """The answer's with that status: fields that a newer version stored stay in it."""
        if self.stored is None:
            return Metadata(self.created_at, status, self.model, versions=self.versions)
        return replace(self.stored, status=status)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """An answer as of one acknowledged publication: its text, its number and its position.

    metadata: where its responder has given any that is not stored yet.
    """

    message_id: str
    seq: int
    parts: list[Part]
    position: Position
    metadata: Metadata | None = None


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """A publication that is stored until Centrifugo has it, so that any server can send it.

    id: of the answer that it ends, of the conversation that it deletes, or of a state, such as the
        title, of which only the newest version counts.
    version: the answer's `seq`, or the conversation's version.
    deleted_for: the user from whose list the conversation goes as well.
    """

    id: str
    conversation_id: str
    version: int
    data: bytes
    deleted_for: str | None = None

    @property
    def key(self) -> str:
        return idempotency_key(self.id, self.version)


@dataclass(frozen=True, slots=True)
class Finished:
    """An answer's end as stored: the queued one to start now, and the conversation as it stands.

    `summary` is None where the conversation was deleted meanwhile.
    """

    next: Assignment | None
    summary: Summary | None


@dataclass(frozen=True, slots=True)
class View:
    """Messages, oldest first; the answer being made, and the position of its checkpoint.

    being_closed: that answer was taken over: its end may be published, and is not stored yet.
    """

    title: str
    messages: list[Message]
    generation: GenerationState | None = None
    since: Position | None = None
    next: str | None = None
    key: str | None = None
    being_closed: bool = False
    archived: bool = False


@dataclass(frozen=True, slots=True)
class Stopped:
    """What a stop found: answers that are being made somewhere, and the ends of queued ones.

    `summary` is the conversation as it stands, where the stop has changed that.
    """

    running: list[str] = field(default_factory=list)
    cancelled: list[OutboxEntry] = field(default_factory=list)
    summary: Summary | None = None


@dataclass(frozen=True, slots=True)
class Continued:
    """What a decision came to: what to show and, where it was new, what publishes it to others.

    assignment: the answer, where it goes on now.
    """

    view: View
    entry: OutboxEntry | None = None
    summary: Summary | None = None
    assignment: Assignment | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """A stored turn: what to show, the conversation as it stands, and the answer to come.

    assignment: None where the turn had been stored before, and nothing was changed.
    status: whether the answer is to be started now.
    removed: the ids of the messages that the answer replaces.
    """

    conversation_id: str
    view: View
    summary: Summary | None = None
    assignment: Assignment | None = None
    status: Status = "streaming"
    removed: list[str] = field(default_factory=list)
    stopped: Stopped = field(default_factory=Stopped)
