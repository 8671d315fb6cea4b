"""The values that layers exchange on the way of a prompt; no database, no I/O."""

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
    """A prompt, checked as far as possible without the database.

    message_id: the client's id for it.
    answer_id: the id of the new answer.
    since: the position of the conversation's channel before anything was stored.
    key: given if the conversation was found by it, or begins with it.
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
    """A request to regenerate an answer.

    message_id: the answer to replace, or its prompt; by default the last.
    answer_id: the id of the new answer.
    models: those allowed, the default first; the answer keeps its own if that is one of them.
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
    """The decisions on a waiting answer.

    since: the position of the conversation's channel before anything was stored.
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
    prompt, after: the prompt, and the id of the message before that, if nothing of the answer is
        known to be published. They go out with the first publication. If the prompt is one of
        several versions, `after` is the answer's own id: clients without the prompt do not know
        that id either, and so open the conversation again.
    versions: if the answer is one of several versions, the ids of all.
    data, meta: JSON that came with the prompt, from the client and from Centrifugo.
    stored: the answer's metadata, if another server may have stored it.
    trigger: what asked for the answer, or made it go on; then `decisions` are those made.
    key: the client's own name for the conversation.
    stopping: whether a stop was requested.
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
        """The usage up to the wait."""
        return self.stored.usage if self.stored is not None else None

    def metadata(self, status: Status) -> Metadata:
        """The answer's metadata with that status; keeps fields that a newer version stored."""
        if self.stored is None:
            return Metadata(self.created_at, status, self.model, versions=self.versions)
        return replace(self.stored, status=status)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """An answer as of one acknowledged publication: text, number and position.

    metadata: if its responder has given any that is not stored yet.
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
        title. Of a state, only the newest version counts.
    version: the answer's `seq`, or the conversation's version.
    deleted_for: for a deletion, the user whose list had the conversation.
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
    """A stored end: the queued answer to start now, and the conversation's present state.

    `summary` is None if the conversation was deleted meanwhile.
    """

    next: Assignment | None
    summary: Summary | None


@dataclass(frozen=True, slots=True)
class View:
    """Messages, oldest first; the answer being made, and the position of its checkpoint.

    being_closed: whether that answer was taken over: its end may be published but not stored.
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
    """What a stop found: answers being made on any server, and the ends of queued ones.

    `summary` is the conversation's present state, if the stop has changed it.
    """

    running: list[str] = field(default_factory=list)
    cancelled: list[OutboxEntry] = field(default_factory=list)
    summary: Summary | None = None


@dataclass(frozen=True, slots=True)
class Continued:
    """The result of a decision: what to show, and its publication if it was new.

    assignment: the answer, if it goes on now.
    """

    view: View
    entry: OutboxEntry | None = None
    summary: Summary | None = None
    assignment: Assignment | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """A stored turn: what to show, the conversation's present state, and the new answer.

    assignment: None if the turn had been stored before, and nothing was changed.
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
