"""The job of a load process, and its results."""

import random
from dataclasses import dataclass
from typing import Literal

from msgspec import Struct

from testbed.text import tokens

_PADDING = "ignored=" + 760 * "x"
"""Makes a prompt as long as its answer."""

Way = Literal["centrifugo-llm", "channel", "sse"]


class Stream(Struct):
    """One answer to request: the prompt tells the model server what to send.

    after: seconds after the beginning.
    history: prompts of the conversation that were answered before.
    """

    prompt: str
    after: float
    history: list[str] = []


class Job(Struct):
    """way: a prompt as an RPC, an HTTP request with the answer in a channel, or all by HTTP."""

    way: Way
    centrifugo: str
    http: str
    streams: list[Stream]


class Shown(Struct):
    """What one stream's user saw; times are in seconds of the clock that all processes share."""

    text: str
    asked_at: float
    replied_at: float
    ended_at: float
    arrivals: list[tuple[float, int]]
    """When the text grew, and to how many characters."""
    publications: int
    bytes: int
    end: str = ""
    """The type of its last chunk, if it has one."""


@dataclass(frozen=True, kw_only=True)
class Load:
    """`streams` answers of `tokens` tokens each, begun within `spread` seconds.

    after: what the model takes before its first token, in seconds.
    at_random: they begin at random times, not at even intervals.
    turns: the number of earlier turns in the conversation, of some 1,600 characters each.
    """

    streams: int
    tokens: int
    rate: float = 50
    spread: float = 2.0
    after: float = 0.0
    at_random: bool = False
    turns: int = 0

    def __str__(self) -> str:
        begin = f"{'random' if self.at_random else 'even'} in {self.spread:.3g} s"
        late = f", first after {self.after:g} s" if self.after else ""
        turns = f", {self.turns} turns before" if self.turns else ""
        return f"{self.streams} × {self.tokens} at {self.rate:g}/s, {begin}{late}{turns}"

    def prompt(self, number: int) -> str:
        return f"/tokens {self.tokens} rate={self.rate} seed={number} after={self.after}"

    def tokens_of(self, number: int) -> tuple[str, ...]:
        return tokens(self.tokens, number)

    def streams_in_time(self) -> list[Stream]:
        chance = random.Random(self.streams)
        even = [i * self.spread / self.streams for i in range(self.streams)]
        begin = sorted(chance.uniform(0, self.spread) for _ in even) if self.at_random else even
        earlier = [f"/tokens 250 rate=0 seed={i} {_PADDING}" for i in range(self.turns)]
        return [Stream(self.prompt(i), after, earlier) for i, after in enumerate(begin)]

    @property
    def all_tokens(self) -> int:
        return self.streams * self.tokens
