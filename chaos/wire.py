"""Checks what the channels carried against the contract: each `seq` of a message once."""

from typing import Any, NamedTuple

Json = dict[str, Any]


class _Seen(NamedTuple):
    epoch: str
    at: dict[int, int]
    """The offset of each sequence number."""


class Repeat(NamedTuple):
    """A piece of an answer that Centrifugo's history holds twice."""

    message: str
    seq: int
    text: str


class Wire:
    """Finds pieces that were published twice, which a careful client does not show.

    Only within one epoch: a Centrifugo that lost its history has also lost its idempotency keys. A
    piece that comes after a later one is no repeat: if a server cannot reach Centrifugo, another
    one publishes the end, and clients that see the gap open again.
    """

    def __init__(self) -> None:
        self.repeats: list[Repeat] = []
        self._seen: dict[str, _Seen] = {}

    def see(self, epoch: str, offset: int, publication: Json) -> None:
        if publication["type"] != "chunks":
            return
        message, seq = publication["message"], publication["seq"]
        seen = self._seen.get(message)
        if seen is None or seen.epoch != epoch:
            seen = self._seen[message] = _Seen(epoch, {})
        # a lower or equal offset is history that is read again
        if seen.at.setdefault(seq, offset) < offset:
            chunks = publication["chunks"]
            text = "".join(c["delta"] for c in chunks if c["type"] == "text-delta")
            self.repeats.append(Repeat(message, seq, text))
