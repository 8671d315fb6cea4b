"""Readers that open, follow and leave at any moment while answers are made."""

import json

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from proxy_server.protocol.encoding import encode
from proxy_server.protocol.sessions import Position, Session
from tests.answers.world import READERS, Centrifugo, Reader, Server


class Readers(RuleBasedStateMachine):
    """The part of the interleaving machine that opens a conversation, by the server `other`."""

    centrifugo: Centrifugo
    other: Server
    conversation: str

    @rule(which=st.integers(0, READERS - 1), at_once=st.booleans())
    def reader_comes(self, which: int, *, at_once: bool) -> None:
        reader = self.centrifugo.readers[which]
        reader.connected = True
        reader.subscribe()
        if at_once:
            self.reader_is_answered(which)

    @rule(which=st.integers(0, READERS - 1))
    def reader_is_answered(self, which: int) -> None:
        """`ai:open` reads the position first and the messages later: much may happen between."""
        reader = self.centrifugo.readers[which]
        if reader.connected and reader.position is None and reader.asked is not None:
            reader.position = self.open(reader, reader.asked)
            reader.subscribe()

    @rule(which=st.integers(0, READERS - 1))
    def reader_opens_again_while_subscribed(self, which: int) -> None:
        reader = self.centrifugo.readers[which]
        if reader.connected and reader.position is not None:
            self.open(reader, reader.position)

    def open(self, reader: Reader, since: Position) -> Position:
        found = self.other.view(self.conversation)
        position = found.since or since
        session = Session(
            self.conversation, "", found.title, found.messages, position, found.generation
        )
        reader.view.begin(json.loads(encode(session)))
        return position

    @rule(which=st.integers(0, READERS - 1), forgets=st.booleans())
    def reader_leaves(self, which: int, *, forgets: bool) -> None:
        reader = self.centrifugo.readers[which]
        reader.connected = False
        if forgets:
            reader.view.remember()
            reader.position = None
