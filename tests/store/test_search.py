"""Words are found in every script, only by their owner, and are removed with their text."""

import uuid

import pytest
import sqlalchemy as sa

from proxy_server.protocol.messages import ReasoningPart, TextPart
from proxy_server.store.schema import searched
from tests.store.library import Library


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
