"""What is hidden and shown again in the database, including messages older than versions."""

import uuid
from collections.abc import AsyncIterator, Sequence

import pytest
import sqlalchemy as sa

from proxy_server.errors import NotFound
from proxy_server.protocol.messages import Message, Metadata, TextPart
from proxy_server.protocol.sessions import BEGINNING
from proxy_server.protocol.turns import Assignment, Regeneration
from proxy_server.store import hidden, messages
from proxy_server.store.admissions import Limits
from proxy_server.store.database import Store
from proxy_server.store.deletion import sweep
from proxy_server.store.generations import Leases
from proxy_server.store.schema import hidden_messages
from proxy_server.store.schema import messages as table
from proxy_server.store.turns import Turns
from proxy_server.store.versions import Versions
from tests.turns import new_turn


class Talk:
    """A user's conversation, whose answers end as soon as they are accepted."""

    def __init__(self, store: Store) -> None:
        leases = Leases(store, "test", 60)
        self.store = store
        self.user, self.id = str(uuid.uuid4()), str(uuid.uuid4())
        self.turns = Turns(store, leases, Limits(100, 10_000))
        self.versions = Versions(store, leases, Limits(100, 10_000))
        self._is_new = True

    async def say(self, replaces: str | None = None) -> tuple[str, str]:
        """Returns the ids of the prompt and its answer."""
        turn = new_turn(self.user, conversation_id=self.id, is_new=self._is_new, replaces=replaces)
        self._is_new = False
        accepted = await self.turns.accept(turn)
        assert accepted.assignment is not None
        await self._end(accepted.assignment)
        return turn.message_id, turn.answer_id

    async def anew(self, message: str) -> str:
        answer = str(uuid.uuid4())
        wanted = Regeneration(self.user, self.id, message, answer, ("test",), BEGINNING)
        accepted = await self.versions.regenerate(wanted)
        assert accepted.assignment is not None
        await self._end(accepted.assignment)
        return answer

    async def choose(self, message: str) -> list[str]:
        await self.versions.choose(self.user, self.id, message)
        return [message.id for message in await self.shown()]

    async def shown(self) -> Sequence[Message]:
        return (await messages.view(self.store, self.user, self.id, 200)).messages

    async def _end(self, one: Assignment) -> None:
        metadata = Metadata(one.created_at, "complete", one.model, versions=one.versions)
        said = [TextPart(one.message_id)]
        assert await self.turns.finish(one, said, metadata, None, go_on=False)


@pytest.fixture
async def talk(store: Store) -> AsyncIterator[Talk]:
    begun = Talk(store)
    yield begun
    await begun.turns.delete(begun.user, begun.id)
    while await sweep(store):
        pass
    left = sa.select(hidden_messages.c.id).where(hidden_messages.c.conversation == begun.id)
    assert not await store.read(lambda connection: connection.execute(left).all())


async def test_the_oldest_version_makes_room_with_what_followed_it(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hidden, "MOST_VERSIONS", 3)
    prompt, oldest = await talk.say()
    follower, its_answer = await talk.say()
    made = [await talk.anew(prompt) for _ in range(3)]
    assert (await talk.shown())[-1].metadata.versions == made
    for gone in (oldest, follower, its_answer):
        with pytest.raises(NotFound):
            await talk.choose(gone)
    assert await talk.choose(made[0]) == [prompt, made[0]]


async def test_what_was_stored_before_there_were_versions_comes_first(talk: Talk) -> None:
    prompt, answer = await talk.say()
    follower, its_answer = await talk.say()
    forget = sa.update(table).where(table.c.conversation == talk.id).values(made=None)
    await talk.store.write(lambda connection: connection.execute(forget))
    newer = await talk.anew(answer)
    newest = await talk.anew(newer)
    assert await talk.choose(answer) == [prompt, answer, follower, its_answer]
    assert (await talk.shown())[1].metadata.versions == [answer, newer, newest]
    edited, _ = await talk.say(replaces=prompt)
    assert await talk.choose(its_answer) == [prompt, answer, follower, its_answer]
    assert (await talk.shown())[0].metadata.versions == [prompt, edited]


async def test_a_version_keeps_all_that_it_was(talk: Talk) -> None:
    prompt, _ = await talk.say()
    await talk.say()
    before = list(await talk.shown())
    edited, _ = await talk.say(replaces=prompt)
    await talk.choose(prompt)
    after = list(await talk.shown())
    assert after[0].metadata.versions == [prompt, edited]
    after[0].metadata.versions = None
    assert after == before


async def test_a_long_branch_leaves_and_comes_back(talk: Talk) -> None:
    prompt, _ = await talk.say()
    ids = [str(uuid.uuid4()) for _ in range(2 * hidden._MOST_IDS + 2)]

    def fill(connection: sa.Connection) -> None:
        for place, key in enumerate(ids, start=3):
            role = "user" if place % 2 else "assistant"
            said = Message(key, role, [TextPart(key)], Metadata(0.0))  # type: ignore[arg-type]
            messages.insert(connection, talk.user, talk.id, place, said, place)

    await talk.store.write(fill)
    edited, its_answer = await talk.say(replaces=prompt)
    assert [message.id for message in await talk.shown()] == [edited, its_answer]
    assert await talk.choose(prompt) == ids[-200:]


async def test_what_hangs_in_the_air_is_not_shown(talk: Talk) -> None:
    """A server of the previous version has removed the message before it."""
    prompt, _ = await talk.say()
    follower, its_answer = await talk.say()
    await talk.say(replaces=follower)
    await talk.store.write(lambda connection: messages.remove_from(connection, talk.id, 2))
    with pytest.raises(NotFound):
        await talk.choose(its_answer)
    with pytest.raises(NotFound):
        await talk.say(replaces=follower)
    assert [message.id for message in await talk.shown()] == [prompt]
