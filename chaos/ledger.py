"""The events of a phase, recorded as they happen and judged at its end."""

import math
from collections import Counter
from dataclasses import dataclass, field
from time import monotonic
from typing import NamedTuple

from chaos.device import Device
from chaos.parts import Json
from chaos.watched import Watched
from chaos.wire import Repeat
from testbed.odd_ends import BREAKS

FINAL = ("complete", "stopped", "failed", "interrupted")
"""The statuses of an answer that has ended."""
TWO_DECISIONS = "things decided twice"
NOT_AS_DECIDED = "things done that were not decided so"
_MODEL_BREAKS = ("/stall", "/cut", "/half", "/not-sse", *BREAKS)


@dataclass(slots=True)
class Prompt:
    """A prompt that a user wants answered; all attempts have its id.

    answer: the id of its first answer, once accepted.
    conversation: the conversation of that answer.
    uncertain: whether an attempt had no reply, so that it may be stored although none was accepted.
    refused: whether it was given up after a refusal.
    asked: how many requests the model may get for it.
    model: who answers; empty for the model server itself.
    """

    user: str
    id: str
    mark: str
    text: str
    answer: str | None = None
    conversation: str = ""
    uncertain: bool = False
    refused: bool = False
    asked: int = 1
    model: str = ""

    @property
    def model_breaks(self) -> bool:
        """Whether it asks the model to fall silent or to break off."""
        return self.text.startswith(_MODEL_BREAKS)


class Doubt(NamedTuple):
    """What calls without a reply may have done to a conversation after it was looked at.

    more: a prompt may have been stored.
    anew: an answer may have been replaced.
    """

    more: bool = False
    anew: bool = False


@dataclass(frozen=True, slots=True)
class Exhibit:
    """What one device showed of a conversation when its user left it.

    shown: role, text and status by message.
    parts: the parts by message.
    read: all texts that were ever shown.
    closed: the monotonic second at which each answer was first shown as ended.
    """

    user: str
    conversation: str
    device: str
    shown: dict[str, tuple[str, str, str | None]]
    read: dict[str, list[str]]
    closed: dict[str, float]
    doubt: Doubt
    parts: dict[str, list[Json]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Violation:
    """A violation of the contract. `characters` counts the characters concerned."""

    kind: str
    details: str
    user: str = ""
    conversation: str = ""
    message: str = ""
    characters: int = 1


@dataclass(slots=True)
class Fault:
    """A fault of the parts, in monotonic seconds.

    borne: others stand in at once, so nobody has to wait for the repair.
    """

    kind: str
    begin: float
    end: float = math.inf
    borne: bool = False


@dataclass(slots=True)
class Cause:
    """Why answers that lived in these monotonic seconds may have ended early, with that status.

    conversation, message: the only ones concerned; all if empty.
    """

    status: str
    begin: float
    end: float = math.inf
    conversation: str = ""
    message: str = ""

    def explains(self, status: str, conversation: str, message: str, life: "Life") -> bool:
        return (
            self.status == status
            and self.conversation in ("", conversation)
            and self.message in ("", message)
            and self.begin <= life.end
            and life.begin <= self.end
        )


class Life(NamedTuple):
    """From the request to the model, or the prompt if there was none, to the end as shown."""

    begin: float
    end: float


class Stop(NamedTuple):
    """A stop that the service confirmed, with the times of the call and of the reply."""

    mark: str
    message: str
    asked_at: float
    told_at: float


class Recovery(NamedTuple):
    """How long it took until everybody was in step again.

    borne: counted from the fault itself, because others stood in; otherwise from the repair.
    """

    seconds: float
    after: str
    borne: bool = False


@dataclass(slots=True)
class Ledger:
    """The record of a phase.

    faults: those of the parts that affected anything.
    disturbances: those of users' networks.
    deleted, titles: the conversations whose deletion or new name was acknowledged.
    stalls: when this program got no time for a second or more; nor did the parts then.
    """

    prompts: list[Prompt] = field(default_factory=list)
    exhibits: list[Exhibit] = field(default_factory=list)
    tokens: dict[str, str] = field(default_factory=dict)
    devices: set[Watched] = field(default_factory=set)
    faults: list[Fault] = field(default_factory=list)
    causes: list[Cause] = field(default_factory=list)
    stops: list[Stop] = field(default_factory=list)
    disturbances: Counter[str] = field(default_factory=Counter)
    actions: Counter[str] = field(default_factory=Counter)
    refusals: Counter[int] = field(default_factory=Counter)
    recoveries: list[Recovery] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)
    repeats: dict[tuple[str, int], Repeat] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    titles: dict[str, str] = field(default_factory=dict)
    stalls: list[float] = field(default_factory=list)
    answers: int = 0

    def kinds(self) -> Counter[str]:
        """The faults of the parts by kind."""
        return Counter(fault.kind for fault in self.faults)

    def breaking(self) -> list[str]:
        """The faults of the parts that are not repaired yet."""
        return [fault.kind for fault in self.faults if math.isinf(fault.end)]

    def calm_since(self) -> float:
        """The time since which nobody has to wait for a repair: now, if somebody has to.

        A machine that stalled counts as a fault as well.
        """
        now = monotonic()
        ends = (fault.begin if fault.borne else min(fault.end, now) for fault in self.faults)
        return max([*ends, *self.stalls[-1:]], default=0.0)

    def calm(self, begin: float, end: float) -> bool:
        """Whether no part was broken at any moment between these."""
        return not any(fault.begin <= end and begin <= fault.end for fault in self.faults)

    def device_recovered(self, disturbed_at: float) -> None:
        """A device is in step again; counted if no part was broken meanwhile."""
        if not self.breaking():
            began = max(disturbed_at, self.calm_since())
            self.recoveries.append(Recovery(monotonic() - began, "a device came back"))

    def exhibit(
        self, user: str, conversation: str, device: Device, name: str, doubt: Doubt
    ) -> None:
        view = device.view
        view.remember()
        shown = {key: (m.role, m.text, m.status) for key, m in view.messages.items()}
        self.exhibits.append(
            Exhibit(
                user,
                conversation,
                name,
                shown,
                dict(view.read),
                dict(view.closed),
                doubt,
                {key: message.parts.shown() for key, message in view.messages.items()},
            )
        )
        for repeat in device.wire.repeats:
            self.repeats[repeat.message, repeat.seq] = repeat
