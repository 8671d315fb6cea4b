"""What the channels carried, held against the contract: `seq` is 1, 2, 3, … per message."""

from typing import Any, NamedTuple

Json = dict[str, Any]


class _Last(NamedTuple):
    epoch: str
    offset: int
    seq: int


class Repeat(NamedTuple):
    """A piece of an answer that Centrifugo's history holds twice."""

    message: str
    seq: int
    text: str


class Wire:
    """Finds pieces that were published twice, which a careful client does not show.

    Only within one epoch: a Centrifugo that forgot its history forgot its idempotency keys too.
    """

    def __init__(self) -> None:
        self.repeats: list[Repeat] = []
        self._last: dict[str, _Last] = {}

    def see(self, epoch: str, offset: int, publication: Json) -> None:
        if publication["type"] != "chunks":
            return
        message, seq = publication["message"], publication["seq"]
        last = self._last.get(message)
        if last is not None and last.epoch == epoch:
            if offset <= last.offset:
                # history that is read once more
                return
            if seq <= last.seq:
                chunks = publication["chunks"]
                text = "".join(c["delta"] for c in chunks if c["type"] == "text-delta")
                self.repeats.append(Repeat(message, seq, text))
                return
        self._last[message] = _Last(epoch, offset, seq)
