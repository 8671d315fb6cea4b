"""What happened in a phase, written down as it happens and judged at its end."""

from collections import Counter
from dataclasses import dataclass, field
from time import monotonic

from chaos.device import Device
from chaos.wire import Repeat


@dataclass(slots=True)
class Prompt:
    """A prompt that a user wants answered, under the id that all its tries carry.

    answer: the id of its first answer, once it was accepted.
    uncertain: some try brought no reply, so it may be stored although none was accepted.
    refused: it was given up after a refusal.
    asked: the requests that the model may get for it.
    """

    user: str
    id: str
    mark: str
    text: str
    answer: str | None = None
    uncertain: bool = False
    refused: bool = False
    asked: int = 1


@dataclass(frozen=True, slots=True)
class Exhibit:
    """What one device showed of a conversation when its user left it.

    shown: role, text and status by message. read: all texts that were before somebody's eyes.
    uncertain: a call that brought no reply may have changed the conversation later.
    """

    user: str
    conversation: str
    device: str
    shown: dict[str, tuple[str, str, str | None]]
    read: dict[str, list[str]]
    uncertain: bool


@dataclass(frozen=True, slots=True)
class Violation:
    """What must not be. `characters` counts the characters concerned."""

    kind: str
    details: str
    user: str = ""
    conversation: str = ""
    message: str = ""
    characters: int = 1


@dataclass(slots=True)
class Ledger:
    prompts: list[Prompt] = field(default_factory=list)
    exhibits: list[Exhibit] = field(default_factory=list)
    tokens: dict[str, str] = field(default_factory=dict)
    devices: set[Device] = field(default_factory=set)
    faults: Counter[str] = field(default_factory=Counter)
    actions: Counter[str] = field(default_factory=Counter)
    refusals: Counter[int] = field(default_factory=Counter)
    recoveries: list[tuple[float, str]] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)
    repeats: dict[tuple[str, int], Repeat] = field(default_factory=dict)
    answers: int = 0
    breaking: str | None = None
    """The fault of the servers that is on at the moment."""
    quiet_since: float = field(default_factory=monotonic)

    def begin(self, fault: str) -> None:
        self.faults[fault] += 1
        self.breaking = fault

    def end(self) -> None:
        self.breaking = None
        self.quiet_since = monotonic()

    def device_recovered(self, disturbed_at: float) -> None:
        """A device is in step again; counted where no server was broken meanwhile."""
        if self.breaking is None:
            began = max(disturbed_at, self.quiet_since)
            self.recoveries.append((monotonic() - began, "a device came back"))

    def exhibit(
        self, user: str, conversation: str, device: Device, name: str, *, uncertain: bool
    ) -> None:
        view = device.view
        view.remember()
        shown = {key: (m.role, m.text, m.status) for key, m in view.messages.items()}
        self.exhibits.append(Exhibit(user, conversation, name, shown, dict(view.read), uncertain))
        for repeat in device.wire.repeats:
            self.repeats[repeat.message, repeat.seq] = repeat
