"""What a load process is told to do, and what it says of it."""

from dataclasses import dataclass
from typing import Literal

from msgspec import Struct

from testbed.text import tokens

Way = Literal["centrifugo-llm", "channel", "sse"]


class Stream(Struct):
    """One answer to ask for: the prompt tells the model server what to send."""

    prompt: str
    after: float
    """Seconds after the beginning."""


class Job(Struct):
    """way: a prompt as an RPC, an HTTP request whose answer comes in a channel, or all by HTTP."""

    way: Way
    centrifugo: str
    http: str
    streams: list[Stream]


class Shown(Struct):
    """What one stream's user saw; seconds are of the clock that all processes share."""

    text: str
    asked_at: float
    replied_at: float
    ended_at: float
    arrivals: list[tuple[float, int]]
    """When the text had grown, and to how many characters."""
    publications: int
    bytes: int


@dataclass(frozen=True, kw_only=True)
class Load:
    """So many answers of so many tokens, begun evenly over `spread` seconds.

    after: what the model takes before its first token, in seconds.
    """

    streams: int
    tokens: int
    rate: float = 50
    spread: float = 2.0
    after: float = 0.0

    def prompt(self, number: int) -> str:
        return f"/tokens {self.tokens} rate={self.rate} seed={number} after={self.after}"

    def tokens_of(self, number: int) -> tuple[str, ...]:
        return tokens(self.tokens, number)

    def streams_in_time(self) -> list[Stream]:
        pace = self.spread / self.streams
        return [Stream(self.prompt(i), i * pace) for i in range(self.streams)]

    @property
    def all_tokens(self) -> int:
        return self.streams * self.tokens
