"""What the faults wait for, and what is looked at all the time: whoever shows a conversation."""

from typing import Protocol


class Watched(Protocol):
    """A device, or a tab of an app.

    live: it is connected and shows all that was published; if not, it is behind since then.
    away: somebody has taken it off the network; it is home since then.
    idle: it shows no conversation.
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
        """How many answers it shows of which more is to come."""

    def silent(self, since: float) -> list[str]:
        """Those of them of which nothing was heard since then."""
