"""Edits, new answers and choices by two servers, published late, twice or never to a reader."""

import asyncio
import json
import shutil
import tempfile
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from proxy_server.chat import NewPrompt
from proxy_server.errors import Busy, LimitReached, NotFound
from proxy_server.protocol.encoding import encode
from proxy_server.protocol.messages import TextPart
from proxy_server.protocol.sessions import Session
from proxy_server.protocol.turns import OutboxEntry, View
from proxy_server.store.messages import view
from proxy_server.store.schema import generations, outbox
from testbed.versions import PRESENT
from tests.answers.test_interleavings import TAKEN_OVER_SECONDS
from tests.answers.world import READERS, SECOND, Centrifugo, Clock, Reader, Server

pytestmark = pytest.mark.timeout(300)


class Versions(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="versions-"))
        self.clock = Clock()
        self.centrifugo = Centrifugo()
        self.servers = [Server(self.folder, self.centrifugo, self.clock, PRESENT) for _ in range(2)]
        self.alive = [True, True]
        self.prompts: list[str] = []
        self.answers: list[str] = []
        session = self.send(0, None, None)
        self.conversation, self.centrifugo.channel = session.conversation, session.channel
        for which in range(READERS):
            self.reader_comes(which)

    def send(self, which: int, conversation: str | None, replaces: str | None) -> Session:
        prompt = NewPrompt([TextPart(SECOND)], conversation, when_busy="queue", replaces=replaces)
        server = self.servers[which]
        session = server.run(server.app.chat.send("anna", prompt))
        self.prompts.append(session.messages[0].id)
        self.answers.append(session.messages[1].id)
        return session

    def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds / 0.5)):
            self.clock.now += 0.5
            for server, alive in zip(self.servers, self.alive, strict=True):
                if alive:
                    server.run(asyncio.sleep(0))

    def shown(self) -> View:
        """What is in view."""
        server = self.servers[1]
        return server.run(view(server.app.store, "anna", self.conversation, 200))

    @rule(which=st.integers(0, 1), place=st.integers(0, 5), dies=st.booleans())
    def prompt_comes(self, which: int, place: int, *, dies: bool) -> None:
        """A new prompt, or a new version of one, also of one that has left the view."""
        which = self.living(which)
        replaces = self.prompts[-place] if 0 < place <= len(self.prompts) else None
        try:
            self.send(which, self.conversation, replaces)
        except (Busy, NotFound, LimitReached):
            return
        self.may_die(which, dies=dies)

    @rule(which=st.integers(0, 1), place=st.integers(1, 4), dies=st.booleans())
    def answer_is_made_anew(self, which: int, place: int, *, dies: bool) -> None:
        which = self.living(which)
        server = self.servers[which]
        known = self.answers[-min(place, len(self.answers))]
        try:
            made = server.run(server.app.chat.regenerate("anna", self.conversation, known))
        except (Busy, NotFound, LimitReached):
            return
        self.answers.append(made.messages[0].id)
        self.may_die(which, dies=dies)

    @rule(which=st.integers(0, 1), place=st.integers(1, 8), dies=st.booleans())
    def version_is_chosen(self, which: int, place: int, *, dies: bool) -> None:
        which = self.living(which)
        server = self.servers[which]
        known = [one for pair in zip(self.prompts, self.answers, strict=False) for one in pair]
        chosen = known[-min(place, len(known))]
        try:
            published = server.run(server.app.versions.choose("anna", self.conversation, chosen))
        except (Busy, NotFound, LimitReached):
            return
        assert chosen in [message.id for message in self.shown().messages]
        if published is not None and not dies:
            server.run(self.tell(server, published.entry))
        self.may_die(which, dies=dies)

    @staticmethod
    async def tell(server: Server, entry: OutboxEntry) -> None:
        server.app._relay.send(entry)

    def living(self, which: int) -> int:
        return which if self.alive[which] else 1

    def may_die(self, which: int, *, dies: bool) -> None:
        """The first server may die, with everything stored and nothing published."""
        if dies and which == 0:
            self.alive[0] = False
            self.servers[0].edge.waiting.clear()

    @rule(
        which=st.integers(0, 1),
        request=st.sampled_from([True, True, False]),
        reply=st.booleans(),
        count=st.integers(1, 4),
    )
    def publications_arrive(self, which: int, count: int, *, request: bool, reply: bool) -> None:
        """Whichever server sent them: it may be dead by then."""
        server = self.servers[which]
        for _ in range(count):
            if server.edge.waiting:
                server.edge.arrive(request=request, reply=reply)
                if self.alive[which]:
                    server.run(asyncio.sleep(0))

    @rule(which=st.integers(0, 1))
    def answers_end(self, which: int) -> None:
        """Lets one server's answers end, and all its publications arrive for a while."""
        server = self.servers[which]
        for _ in range(6):
            while server.edge.waiting:
                server.edge.arrive(request=True, reply=True)
            if self.alive[which]:
                server.run(asyncio.sleep(0))

    @rule(seconds=st.sampled_from([0.5, 1, 6, TAKEN_OVER_SECONDS]))
    def time_passes(self, seconds: float) -> None:
        self.pass_time(seconds)

    @rule(entries=st.integers(1, 30))
    def history_is_cut(self, entries: int) -> None:
        self.centrifugo.cut(self.centrifugo.channel, entries)

    @rule(which=st.integers(0, READERS - 1))
    def reader_comes(self, which: int) -> None:
        reader = self.centrifugo.readers[which]
        reader.connected = True
        reader.subscribe()
        for _ in range(3):
            if reader.position is None:
                self.open(reader)

    def open(self, reader: Reader) -> None:
        asked = self.centrifugo.top(self.centrifugo.channel)
        found = self.shown()
        reader.position = found.since or asked
        session = Session(
            self.conversation, "", found.title, found.messages, reader.position, found.generation
        )
        reader.view.begin(json.loads(encode(session)))
        reader.subscribe()

    @rule(which=st.integers(0, READERS - 1))
    def reader_leaves(self, which: int) -> None:
        self.centrifugo.readers[which].connected = False

    @invariant()
    def what_is_shown_is_one_way(self) -> None:
        """Prompts and answers alternate, and each is among its own versions."""
        if not hasattr(self, "conversation"):
            return
        for place, message in enumerate(self.shown().messages):
            assert message.role == ("user", "assistant")[place % 2]
            assert message.id in (message.metadata.versions or [message.id])

    def teardown(self) -> None:
        if not hasattr(self, "folder"):
            return
        try:
            self.everybody_agrees()
        finally:
            for server in self.servers:
                server.close()
            shutil.rmtree(self.folder)

    def everybody_agrees(self) -> None:
        for _ in range(60):
            self.pass_time(0.5)
            for server in self.servers:
                while server.edge.waiting:
                    server.edge.arrive(request=True, reply=True)
        assert self.is_published()
        for which in range(READERS):
            self.reader_comes(which)
        found = self.shown()
        for reader in self.centrifugo.readers:
            assert [*reader.view.messages] == [message.id for message in found.messages]
            assert {key: shown.status for key, shown in reader.view.messages.items()} == {
                message.id: message.metadata.status for message in found.messages
            }

    def is_published(self) -> bool:
        """Whether nothing is being made, and nothing remains to be published."""
        store = self.servers[1].app.store

        def left(connection: sa.Connection) -> bool:
            tables = (generations, outbox)
            return any(connection.execute(table.select()).first() for table in tables)

        return not self.servers[1].run(store.read(left))


Versions.TestCase.settings = settings(
    max_examples=40,
    phases=(Phase.generate,),
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    print_blob=True,
)
TestVersions = Versions.TestCase
