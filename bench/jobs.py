"""What a load process is told to do, and what it says of it."""

from typing import Literal

from msgspec import Struct

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
