"""The interface of what shows a conversation: faults wait for it, and it is always checked."""

from typing import Protocol


class Watched(Protocol):
    """A device, or a tab of an app.

    live: whether it is connected and shows all that was published.
    behind_since: since when it is not live.
    away: whether it was taken off the network.
    home_since: since when it is back there.
    idle: whether it shows no conversation.
    disturbed_at: when it last came back from a fault of its own, until it is live again.
    refusal: why it cannot follow.
    """

    @property
    def live(self) -> bool: ...
    @property
    def behind_since(self) -> float: ...
    @property
    def away(self) -> bool: ...
    @property
    def home_since(self) -> float: ...
    @property
    def idle(self) -> bool: ...
    @property
    def disturbed_at(self) -> float | None: ...
    @property
    def conversation(self) -> str | None: ...
    @property
    def refusal(self) -> Exception | None: ...

    def open(self) -> int:
        """How many unfinished answers it shows."""

    def silent(self, since: float) -> list[str]:
        """Those of them of which nothing has arrived since then."""
