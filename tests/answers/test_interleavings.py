"""The text is exact, however publications, checkpoints, reconnects and takeovers interleave.

The two servers are the real service without its door, each on an event loop that runs when a rule
says so: a paused server is a loop that does not run. The test controls time, for the database too.
The edges to Centrifugo and the model are simulated, because the test varies the order in which
their calls arrive. The reader is that of the chaos program.
"""

import asyncio
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from proxy_server.protocol.events import Reasoning, Text
from proxy_server.protocol.sessions import Session
from proxy_server.store.schema import generations, outbox
from testbed.versions import PRESENT, loaded
from tests.answers.readers import Readers
from tests.answers.world import FIRST, SECOND, Centrifugo, Clock, Server, texts

pytestmark = pytest.mark.timeout(600)
CUT = 4
LONG = 4
"""The pieces after which an answer may end: before, there is little to get wrong."""
TAKEN_OVER_SECONDS = 12.0


class Deployment(Readers):
    owners: str | None = None
    others: str | None = None
    """The version of the other server: the present one, or that of a commit."""

    @initialize(dies_at_last=st.booleans())
    def begin(self, *, dies_at_last: bool) -> None:
        self.dies_at_last = dies_at_last
        self.folder = Path(tempfile.mkdtemp(prefix="interleavings-"))
        self.clock = Clock()
        self.centrifugo = Centrifugo()
        if self.others is None:
            self.owner, self.other = self.server(self.owners), self.server(None)
        else:
            # the older one first: the other migrates its database
            self.other, self.owner = self.server(self.others), self.server(None)
        self.alive = self.awake = True
        self.said: list[str] = []
        self.ending = False
        self.forgotten_seq = 0
        self.second = ""
        session = self.owner.run(self._send(FIRST, None))
        self.conversation = session.conversation
        self.centrifugo.channel = session.channel
        self.answer = self.centrifugo.answer = session.messages[1].id
        self.reader_comes(which=0, at_once=True)

    def server(self, commit: str | None) -> Server:
        version = PRESENT if commit is None else loaded(commit)
        return Server(self.folder, self.centrifugo, self.clock, version)

    async def _send(self, text: str, conversation: str | None) -> Session:
        version = self.owner.version
        part = version("protocol.messages").TextPart(text)
        prompt = version("chat").NewPrompt([part], conversation, when_busy="queue")
        return await self.owner.app.chat.send("anna", prompt)

    def servers(self) -> list[Server]:
        """The running servers."""
        return [self.owner, self.other] if self.alive and self.awake else [self.other]

    def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds / 0.5)):
            self.clock.now += 0.5
            for server in self.servers():
                server.run(asyncio.sleep(0))

    def found(self, statement: sa.Select[Any]) -> Any:
        """The first value of the query's result."""
        return self.other.run(
            self.other.app.store.read(lambda found: found.execute(statement).scalar())
        )

    def is_published(self) -> bool:
        """Whether nothing is being made, and no end remains to be published."""
        return not any(
            self.found(sa.select(sa.func.count()).select_from(table))
            for table in (generations, outbox)
        )

    def is_kept(self) -> bool:
        """Whether the checkpoint has all that the channel has dropped."""
        seq = self.found(sa.select(generations.c.seq).where(generations.c.message == self.answer))
        return bool(seq is None or seq >= self.forgotten_seq)

    @precondition(lambda self: self.alive and self.awake and not self.ending)
    @rule(kinds=st.lists(st.sampled_from([Text, Text, Reasoning]), min_size=1, max_size=3))
    def model_speaks(self, kinds: list[Any]) -> None:
        saying = self.owner.provider.saying
        if saying is None:
            return
        events = self.owner.version("protocol.events")
        said = [
            getattr(events, kind.__name__)(f" {len(self.said) + i}") for i, kind in enumerate(kinds)
        ]
        self.said += [
            piece.text if kind is Text else "" for kind, piece in zip(kinds, said, strict=True)
        ]
        saying.said.put_nowait(said)
        self.owner.run(asyncio.sleep(0))

    @precondition(lambda self: self.alive and self.awake and not self.ending)
    @precondition(lambda self: len(self.said) >= LONG)
    @rule()
    def model_ends(self) -> None:
        assert self.owner.provider.saying is not None
        self.ending = True
        self.owner.provider.saying.end()
        self.owner.run(asyncio.sleep(0))

    @precondition(lambda self: self.alive and self.awake and not self.ending)
    @rule(pieces=st.integers(1, 8))
    def answer_grows(self, pieces: int) -> None:
        """Lets an answer grow undisturbed for a while."""
        for _ in range(pieces):
            self.model_speaks([Text])
            self.publication_arrives(owners=True, request=True, reply=True)
            self.pass_time(0.5)

    @precondition(lambda self: self.alive and self.awake and not self.second)
    @precondition(lambda self: len(self.said) >= LONG and self.is_kept())
    @rule(dies=st.booleans())
    def second_prompt_comes(self, *, dies: bool) -> None:
        self.second = self.owner.run(self._send(SECOND, self.conversation)).messages[1].id
        self.alive = not dies
        if dies:
            # stored, but not published
            self.owner.edge.waiting.clear()

    @precondition(lambda self: self.second)
    @rule(dies=st.booleans())
    def second_answer_is_stopped(self, *, dies: bool) -> None:
        """By the other server, which may die before it publishes the end: any server does later."""
        app = self.other.app
        if dies:
            self.other.run(app.turns.stop("anna", self.conversation, self.second))
        else:
            self.other.run(app.chat.stop("anna", self.conversation, self.second))

    @rule(owners=st.booleans(), request=st.sampled_from([True, True, False]), reply=st.booleans())
    def publication_arrives(self, *, owners: bool, request: bool, reply: bool) -> None:
        """Whichever server sent it: it may be dead by then, or paused."""
        server = self.owner if owners else self.other
        if server.edge.waiting:
            server.edge.arrive(request=request, reply=reply)
            if server in self.servers():
                server.run(asyncio.sleep(0))

    @rule(seconds=st.sampled_from([0.5, 0.5, 1, 2, TAKEN_OVER_SECONDS]))
    def time_passes(self, seconds: float) -> None:
        self.pass_time(seconds)

    @precondition(lambda self: len(self.said) >= LONG and self.alive and self.is_kept())
    @rule()
    def owner_dies(self) -> None:
        """What it had sent may still arrive."""
        self.alive = False

    @precondition(lambda self: len(self.said) >= LONG and self.alive and self.awake)
    @precondition(lambda self: self.is_kept())
    @rule()
    def owner_is_paused(self) -> None:
        self.awake = False

    @precondition(lambda self: self.alive and not self.awake)
    @rule()
    def owner_wakes_up(self) -> None:
        self.awake = True
        self.owner.run(asyncio.sleep(0))

    @precondition(lambda self: (self.alive and self.awake) or self.is_published())
    @rule(entries=st.integers(1, 30))
    def history_is_cut_or_lost(self, entries: int) -> None:
        """Not if the owner is gone: then the checkpoint is all that is left."""
        self.forgotten_seq = self.centrifugo.last_seq
        if entries < CUT:
            self.centrifugo.cut(self.centrifugo.channel, entries)
        else:
            self.centrifugo.restart()

    @invariant()
    def nothing_is_shown_that_was_not_said(self) -> None:
        for reader in self.centrifugo.readers if hasattr(self, "centrifugo") else ():
            if self.answer in reader.view.messages:
                assert "".join(self.said).startswith(reader.view.messages[self.answer].text)

    def teardown(self) -> None:
        if not hasattr(self, "folder"):
            return
        try:
            self.everybody_agrees()
        finally:
            for server in (self.owner, self.other):
                server.close()
            shutil.rmtree(self.folder)

    def everybody_agrees(self) -> None:
        """In the end all readers show what is stored, and it contains all that any of them read."""
        if self.dies_at_last and self.is_kept():
            self.alive = False
        if self.alive:
            self.awake = True
            if not self.ending and self.owner.provider.saying is not None:
                self.owner.provider.saying.end()
        for _ in range(60):
            self.pass_time(0.5)
            for server in (self.owner, self.other):
                while server.edge.waiting:
                    server.edge.arrive(request=True, reply=True)
        assert self.is_published()
        for which, reader in enumerate(self.centrifugo.readers):
            for _ in range(3):
                self.reader_comes(which, at_once=True)
            reader.view.remember()
        found = self.other.view(self.conversation)
        answer = found.messages[1]
        kept = texts(answer)
        assert "".join(self.said).startswith(kept)
        if answer.metadata.status == "complete":
            assert kept == "".join(self.said)
        for reader in self.centrifugo.readers:
            assert {key: shown.status for key, shown in reader.view.messages.items()} == {
                message.id: message.metadata.status for message in found.messages
            }
            assert [*reader.view.messages] == [message.id for message in found.messages]
            shown = reader.view.messages[self.answer]
            assert (shown.text, shown.status) == (kept, answer.metadata.status)
            for read in reader.view.read[self.answer]:
                assert kept.startswith(read)


Deployment.TestCase.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, derandomize=True, print_blob=True
)
TestDeployment = Deployment.TestCase
