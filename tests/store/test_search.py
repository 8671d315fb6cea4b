"""Words are found in every script, by their owner alone, and go with what they stood in."""

import uuid
from collections.abc import AsyncIterator, Sequence
from functools import partial

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from proxy_server.protocol.messages import Metadata, Part, ReasoningPart, TextPart
from proxy_server.protocol.sessions import BEGINNING
from proxy_server.protocol.turns import Regeneration, Turn
from proxy_server.store import search
from proxy_server.store.admissions import Limits
from proxy_server.store.database import Store
from proxy_server.store.generations import Leases
from proxy_server.store.migrate import migrate
from proxy_server.store.query import Query
from proxy_server.store.schema import (
    conversations,
    generations,
    hidden_messages,
    messages,
    searched,
)
from proxy_server.store.search_steps import index_some
from proxy_server.store.turns import Turns
from proxy_server.store.versions import Versions
from proxy_server.store.words import indexed
from testbed.deployment import Deployment


class Library:
    """A user's conversations in a database."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.user = str(uuid.uuid4())
        made = store, Leases(store, "test", 60), Limits(1000, 1000)
        self._turns, self._versions = Turns(*made), Versions(*made)

    async def add(
        self, prompt: str, answer: Sequence[Part] = (), *, title: str = "", before: str = ""
    ) -> str:
        """A prompt with its answer, by default in a conversation of its own."""
        turn = Turn(
            user=self.user,
            conversation_id=before or f"c-{uuid.uuid4().hex}",
            is_new=not before,
            message_id=str(uuid.uuid4()),
            answer_id=str(uuid.uuid4()),
            parts=[TextPart(prompt)],
            model="test",
            title=title,
            when_busy="reject",
            since=BEGINNING,
        )
        accepted = await self._turns.accept(turn)
        assert accepted.assignment is not None
        metadata = Metadata(accepted.assignment.created_at, "complete", "test")
        await self._turns.finish(accepted.assignment, answer, metadata, None, go_on=False)
        return turn.conversation_id

    async def regenerate(self, conversation: str) -> None:
        wanted = Regeneration(
            self.user, conversation, None, str(uuid.uuid4()), ("test",), BEGINNING
        )
        await self._versions.regenerate(wanted)

    async def choose(self, conversation: str, message: str) -> None:
        await self._versions.choose(self.user, conversation, message)

    async def end(self, conversation: str) -> None:
        """Stops and ends what is being made."""

        def ended(connection: sa.Connection) -> None:
            connection.execute(
                sa.delete(generations).where(generations.c.conversation == conversation)
            )

        await self.store.write(ended)

    async def delete(self, conversation: str) -> None:
        await self._turns.delete(self.user, conversation)

    async def rename(self, conversation: str, title: str) -> None:
        await self._turns.rename(self.user, conversation, title)

    async def found(self, text: str, *, user: str = "") -> list[str]:
        """The texts, newest first."""
        query = Query(text)
        user = user or self.user
        find = partial(
            search.find,
            user=user,
            words=query.for_index(user),
            before=search.BEYOND_ALL,
            most=100,
        )
        candidates = await self.store.read(find) if query.words else []
        return [one.text for one in candidates if query.find(one.text) is not None]


@pytest.fixture
async def library(infrastructure: Deployment) -> AsyncIterator[Library]:
    store = Store(infrastructure.server_settings["DATABASE_URL"])
    await migrate(store)
    yield Library(store)
    await store.close()


@pytest.mark.parametrize(
    ("text", "queries"),
    [
        ("How does a websocket work?", ["websocket", "WORK websocket", "webso", '"a websocket"']),
        ("Un café à Besançon, s'il vous plaît", ["cafe", "CAFÉ", "besancon plait", "s'il", "à"]),
        ("Cafe\u0301 crème", ["café", "cafe", "creme"]),
        ("Größe der Straße", ["große der", "straße", "GRÖßE"]),
        ("Как устроен ёж и Йод", ["как", "еж", "ЙОД", "устро"]),
        ("Πώς λειτουργεί ο κόσμος", ["πως", "ΚΟΣΜΟΣ", "λειτουργ"]),
        ("我想用Python编写一个网站", ["网站", "python", "编写一个", "站", "用pyt"]),
        ("東京都の天気はどうですか", ["東京", "京都", "天気は", "東京都", "か"]),
        ("ﾃｽﾄ ＡＢＣ", ["テスト", "abc"]),
        ("서버가 죽었습니다", ["서버", "죽었", "서버가 죽었습니다", "다"]),
        ("วิธีทำอาหารไทย", ["อาหาร", "ไทย", "วิธี"]),
        ("यह हिन्दी में है", ["हिन्दी", "हिन्"]),
        ("مرحبا بالعالم", ["مرحبا", "بالع"]),
        ("a 𝔘nicode 😀 text, x² and 12.5 %", ["unicode", "😀 text", "x2", "12.5"]),
        ("see foo_bar.baz() in node.js", ["foo_bar", "baz", "node.js", "foo_bar.baz"]),
    ],
)
async def test_words_of_any_script(library: Library, text: str, queries: list[str]) -> None:
    await library.add(text)
    await library.add("Something else altogether")
    for query in queries:
        assert await library.found(query) == [text], query


async def test_all_words_must_be_there_and_phrases_in_their_order(library: Library) -> None:
    await library.add("red green blue")
    await library.add("green red")
    for query, count in [
        ("red green", 2),
        ("green blue", 1),
        ('"red green"', 1),
        ('"green red"', 1),
        ('"red blue"', 0),
        ('"gree"', 0),
        ("gree", 2),
        ("gree red", 0),
        ("red gree", 2),
        ('red "blu', 1),
        ("red-green", 1),
        ("r", 0),
    ]:
        assert len(await library.found(query)) == count, query
    await library.add("東京都と京都東")
    assert len(await library.found("東京都")) == 1
    assert await library.found("東都") == []
    assert await library.found("京東") == []


@pytest.mark.parametrize(
    "query",
    [
        "",
        " ",
        "\0",
        '"',
        '""""',
        "'",
        "😀",
        "* OR NOT ( ) NEAR/2 :* & | ! <-> ^ { words : }",
        "words:red",
        "a" * 100_000,
        "a " * 50_000,
        "水" * 50_000,
        '"' * 50_000,
        "\\' OR 1=1 --",
        "%_%",
        "\u0301\u0301",
        "\U000e0001\ufffd\uffff",
        "ß" * 300,
    ],
)
async def test_whatever_is_asked_is_no_error(library: Library, query: str) -> None:
    await library.add("red green blue")
    assert await library.found(query) == []


async def test_others_find_nothing_of_it(library: Library) -> None:
    await library.add("a secret")
    assert await library.found("secret", user=str(uuid.uuid4())) == []
    assert await library.found("secret") == ["a secret"]


async def test_answers_and_titles_are_found_and_reasoning_is_not(library: Library) -> None:
    conversation = await library.add(
        "prompt", [ReasoningPart("hidden"), TextPart("said"), TextPart("more")], title="Entitled"
    )
    assert await library.found("said more") == ["said\nmore"]
    assert await library.found("hidden") == []
    assert await library.found("entitled") == ["Entitled"]
    await library.rename(conversation, "Renamed")
    assert await library.found("entitled") == []
    assert await library.found("renamed") == ["Renamed"]


async def test_words_go_with_what_they_stood_in(library: Library) -> None:
    conversation = await library.add("prompt", [TextPart("answer")], title="Entitled")
    await library.regenerate(conversation)
    assert await library.found("answer") == []
    assert await library.found("prompt") == ["prompt"]
    await library.delete(conversation)
    for query in ("prompt", "answer", "entitled"):
        assert await library.found(query) == []
    rows = sa.select(sa.func.count()).where(searched.c.conversation == conversation)
    assert await library.store.read(lambda connection: connection.execute(rows).scalar()) == 0


async def test_the_newest_first_and_an_answer_after_its_prompt(library: Library) -> None:
    first = await library.add("word 1", [TextPart("word 2")])
    await library.add("word 3", [TextPart("word 4")], before=first)
    await library.add("word 5", [TextPart("word 6")])
    assert await library.found("word") == [f"word {number}" for number in (6, 5, 4, 3, 2, 1)]


async def test_a_text_of_very_many_words(library: Library) -> None:
    text = "".join(map(chr, range(0x4E00, 0x9FA5))) * 5
    await library.add(text)
    assert await library.found(text[100:130]) == [text]


async def test_what_older_servers_wrote_is_found_after_some_steps(library: Library) -> None:
    conversation = await library.add("prompt 0", [TextPart("answer 0")], title="Entitled")
    for number in range(1, 40):
        await library.add(f"prompt {number}", [TextPart(f"answer {number}")], before=conversation)

    def forget(connection: sa.Connection) -> None:
        """As if it had been there before the index, or came from a server of that time."""
        connection.execute(sa.delete(searched).where(searched.c.conversation == conversation))
        of_it = conversations.c.id == conversation
        connection.execute(
            sa.update(conversations).where(of_it).values(version=conversations.c.version + 1)
        )

    await library.store.write(forget)
    assert await library.found("prompt") == []
    # a turn of a server that keeps the index leaves the rest to be found
    await library.add("prompt 40", [TextPart("answer 40")], before=conversation)
    assert await library.found("prompt") == ["prompt 40"]
    while await index_some(library.store):
        pass
    assert len(await library.found("prompt")) == 41
    assert len(await library.found("answer")) == 41
    assert await library.found("entitled") == ["Entitled"]


async def test_what_is_left_to_the_steps_is_found_after_them(library: Library) -> None:
    conversation = await library.add("prompt", [TextPart("answer")])

    def left(connection: sa.Connection) -> None:
        connection.execute(sa.delete(searched).where(searched.c.conversation == conversation))
        unsearched = sa.update(conversations).where(conversations.c.id == conversation)
        connection.execute(unsearched.values(searched=None))

    await library.store.write(left)
    assert await library.found("answer") == []
    while await index_some(library.store):
        pass
    assert await library.found("answer") == ["answer"]


async def test_a_version_that_comes_back_into_view_is_found_again(library: Library) -> None:
    conversation = await library.add("prompt", [TextPart("an earlier answer")])
    await library.regenerate(conversation)
    await library.end(conversation)
    assert await library.found("earlier") == []
    hidden = sa.select(hidden_messages.c.id).where(hidden_messages.c.conversation == conversation)
    message = await library.store.read(lambda connection: connection.execute(hidden).scalar_one())
    await library.choose(conversation, message)
    while await index_some(library.store):
        pass
    assert await library.found("earlier") == ["an earlier answer"]


async def test_one_that_cannot_be_indexed_holds_up_no_other(
    library: Library, infrastructure: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = await library.add("the broken one", [TextPart("its answer")], title="Broken")
    refused = await library.add("the refused one", [TextPart("another answer")], title="Refused")
    sound = await library.add("the sound one", title="Sound")
    ours = [broken, refused, sound]

    def spoil(connection: sa.Connection) -> None:
        connection.execute(sa.delete(searched).where(searched.c.conversation.in_(ours)))
        unsearched = sa.update(conversations).where(conversations.c.id.in_(ours))
        connection.execute(unsearched.values(searched=None))
        prompt = messages.c.conversation == broken, messages.c.ordinal == 1
        connection.execute(sa.update(messages).where(*prompt).values(parts="{not json"))

    def not_for_postgresql(owner: str, text: str) -> str:
        words = indexed(owner, text)
        return f"{words} \0" if "refused one" in text else words

    monkeypatch.setattr(search, "indexed", not_for_postgresql)
    await library.store.write(spoil)
    with capture_logs() as logs:
        while await index_some(library.store):
            pass
    assert await library.found("sound") == ["Sound", "the sound one"]
    assert await library.found("another") == ["another answer"]
    assert await library.found("its") == ["its answer"]
    told = [line["conversation"] for line in logs if line["event"] == "message_not_indexed"]
    refuses = infrastructure.postgresql is not None
    assert sorted(told) == sorted([broken, refused] if refuses else [broken])
    for conversation in ours:
        await library.delete(conversation)
