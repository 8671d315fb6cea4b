"""However publications, checkpoints, reconnects, restarts and takeovers fall, the text is exact.

The server's side is the real transcript and the real encoding; the channel and the readers are
as the protocol describes them.
"""

import json
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from proxy_server.chunks import (
    Abort,
    ChunksPublication,
    Finish,
    Metadata,
    Part,
    Position,
    Start,
    decode_parts,
    encode,
    published_chunks,
)
from proxy_server.transcript import Delta, Transcript

MESSAGE = "message"
METADATA = Metadata(0.0, "streaming", "test")
READERS = 2
CUT = 4
LONG = 4
"""The publications after which an answer may end: before, there is little to get wrong."""
deltas = st.lists(
    st.builds(Delta, st.sampled_from(["text", "reasoning"]), st.text(min_size=1)),
    min_size=1,
    max_size=4,
)
Shown = list[tuple[str, str]]


class Channel:
    """A Centrifugo channel: positions, history, recovery, idempotency keys."""

    def __init__(self) -> None:
        self.top = Position(0, "epoch 0")
        self.history: list[tuple[int, bytes]] = []
        self.keys: dict[int, Position] = {}

    def publish(self, seq: int, data: bytes) -> tuple[Position, bool]:
        """The position, and whether this was not a repetition."""
        if seq in self.keys:
            return self.keys[seq], False
        self.top = Position(self.top.offset + 1, self.top.epoch)
        self.history.append((self.top.offset, data))
        self.keys[seq] = self.top
        return self.top, True

    def recover(self, since: Position) -> list[bytes] | None:
        first = self.history[0][0] if self.history else self.top.offset + 1
        if since.epoch != self.top.epoch or since.offset < first - 1:
            return None
        return [data for offset, data in self.history if offset > since.offset]

    def forget(self, entries: int) -> None:
        del self.history[:entries]

    def restart(self) -> None:
        self.top = Position(0, f"epoch {int(self.top.epoch.split()[1]) + 1}")
        self.history, self.keys = [], {}


class Reader:
    """A client that knows nothing but the protocol; None as position: it has to open again."""

    def __init__(self) -> None:
        self.connected = False
        self.position: Position | None = None
        self.seq = 0
        self.shown: Shown = []
        self.closed = False
        self.asked: Position | None = None

    def open(self, parts: str, seq: int, since: Position, *, closed: bool) -> None:
        self.shown = [(part["type"], part["text"]) for part in json.loads(parts)]
        self.seq, self.position, self.closed = seq, since, closed

    def receive(self, data: bytes) -> None:
        assert self.position is not None
        self.position = Position(self.position.offset + 1, self.position.epoch)
        publication = json.loads(data)
        if publication["seq"] <= self.seq or self.closed:
            return
        if publication["seq"] > self.seq + 1:
            self.position = None
            return
        self.seq += 1
        for chunk in publication["chunks"]:
            self._apply(chunk)

    def _apply(self, chunk: dict[str, Any]) -> None:
        kind, _, what = chunk["type"].partition("-")
        if what == "start":
            self.shown.append((kind, ""))
        elif what == "delta":
            self.shown[-1] = (kind, self.shown[-1][1] + chunk["delta"])
        elif kind in ("finish", "abort", "error"):
            self.closed = True


class Deployment(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.channel = Channel()
        self.readers = [Reader() for _ in range(READERS)]
        self.made = Transcript()
        self.seq = 0
        self.pending: bytes | None = None
        self.acknowledged = 0
        self.position = self.channel.top
        self.checkpoint = ("[]", 0, self.channel.top)
        self.ended = False
        self.whole = True
        self.post([Start(MESSAGE, METADATA)])

    def post(self, chunks: list[Any]) -> None:
        self.seq += 1
        self.pending = encode(ChunksPublication(MESSAGE, self.seq, chunks))

    def publish(self, seq: int, data: bytes) -> Position:
        position, is_new = self.channel.publish(seq, data)
        for reader in self.readers:
            if is_new and reader.connected and reader.position is not None:
                reader.receive(data)
        return position

    @precondition(lambda self: not self.ended)
    @rule(said=deltas)
    def model_speaks(self, said: list[Delta]) -> None:
        if self.pending is not None:
            self.publication_arrives()
        self.post(self.made.add(said))

    @precondition(lambda self: self.pending is not None)
    @rule()
    def publication_arrives_and_its_reply_is_lost(self) -> None:
        assert self.pending is not None
        self.publish(self.seq, self.pending)

    @precondition(lambda self: self.pending is not None)
    @rule()
    def publication_arrives(self) -> None:
        assert self.pending is not None
        position = self.publish(self.seq, self.pending)
        self.pending = None
        history_lost = self.position.epoch != position.epoch
        self.position, self.acknowledged = position, self.seq
        self.made.mark()
        if history_lost and not self.ended:
            self.server_checkpoints()

    @precondition(lambda self: not self.ended)
    @rule()
    def server_checkpoints(self) -> None:
        parts = encode(self.made.published()).decode()
        self.checkpoint = (parts, self.acknowledged, self.position)

    @precondition(lambda self: not self.ended and self.seq >= LONG)
    @rule()
    def answer_ends(self) -> None:
        if self.pending is not None:
            self.publication_arrives()
        self.post([*self.made.close(), Finish("stop", METADATA)])
        self.end(self.made.parts(), self.seq)

    @precondition(lambda self: not self.ended and self.seq >= LONG)
    @rule()
    def server_dies_and_another_takes_over(self) -> None:
        """What was on its way is lost, or was published before: both are in the rules."""
        parts, seq, position = self.checkpoint
        found = Transcript(decode_parts(parts))
        history = self.channel.recover(position)
        # with its server and the channel's history both gone, the checkpoint is all there is
        self.whole = history is not None
        for data in history if history is not None else []:
            publication = published_chunks(data)
            assert publication is not None
            if publication.seq == seq + 1:
                seq += 1
                found.replay(publication.chunks)
        start = [] if seq else [Start(MESSAGE, METADATA)]
        self.seq = seq
        self.post([*start, *found.close(), Abort("interrupted", METADATA)])
        self.made = found
        self.end(found.parts(), self.seq)

    def end(self, parts: list[Part], seq: int) -> None:
        self.ended = True
        self.checkpoint = (encode(parts).decode(), seq, self.channel.top)

    @rule(which=st.integers(0, READERS - 1))
    def reader_comes(self, which: int) -> None:
        reader = self.readers[which]
        reader.connected = True
        self.subscribe(reader)

    @rule(which=st.integers(0, READERS - 1))
    def reader_is_answered(self, which: int) -> None:
        """`ai:open` asks for the position first and for the message then: much may lie between."""
        reader = self.readers[which]
        if reader.connected and reader.position is None and reader.asked is not None:
            parts, seq, since = self.checkpoint
            since = reader.asked if self.ended else since
            reader.open(parts, seq, since, closed=self.ended)
            self.subscribe(reader)

    @rule(which=st.integers(0, READERS - 1))
    def reader_opens_again_while_subscribed(self, which: int) -> None:
        reader = self.readers[which]
        if reader.connected and reader.position is not None:
            parts, seq, _ = self.checkpoint
            reader.open(parts, seq, reader.position, closed=self.ended)

    def subscribe(self, reader: Reader) -> None:
        missed = self.channel.recover(reader.position) if reader.position else None
        if missed is None:
            reader.position = None
            reader.asked = self.channel.top
        for data in missed or ():
            if reader.position is not None:
                reader.receive(data)

    @rule(which=st.integers(0, READERS - 1), forgets=st.booleans())
    def reader_leaves(self, which: int, *, forgets: bool) -> None:
        self.readers[which].connected = False
        if forgets:
            self.readers[which] = Reader()

    @rule(entries=st.integers(1, 30))
    def history_is_cut_or_lost(self, entries: int) -> None:
        if entries < CUT:
            self.channel.forget(entries)
            return
        self.channel.restart()
        for reader in self.readers:
            reader.connected = False

    @invariant()
    def nothing_is_shown_that_was_not_said(self) -> None:
        if not self.whole:
            return
        for reader in self.readers:
            assert self.said().startswith(flat(reader.shown))

    def said(self) -> str:
        parts = json.loads(encode(self.made.parts()))
        return flat([(part["type"], part["text"]) for part in parts])

    def teardown(self) -> None:
        if not hasattr(self, "channel"):
            return
        if not self.ended:
            self.answer_ends()
        if self.pending is not None:
            self.publication_arrives()
        for which, reader in enumerate(self.readers):
            for _ in range(3):
                self.reader_comes(which)
                self.reader_is_answered(which)
            assert reader.closed
            assert flat(reader.shown) == self.said()


def flat(parts: Shown) -> str:
    return "".join(f"<{kind}>{text}" for kind, text in parts)


Deployment.TestCase.settings = settings(max_examples=500, stateful_step_count=60, deadline=None)
TestDeployment = Deployment.TestCase
