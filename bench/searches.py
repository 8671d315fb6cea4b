"""The cost of searching a user's messages, and of keeping them searchable."""

import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import uvloop

from bench.report import Row
from bench.site import Site
from proxy_server.protocol.encoding import encode
from proxy_server.protocol.messages import Message, Metadata, TextPart
from proxy_server.store import search
from proxy_server.store.database import Store
from proxy_server.store.migrate import migrate
from proxy_server.store.query import Query
from proxy_server.store.schema import conversations, messages, searched
from proxy_server.store.sql_functions import as_words
from proxy_server.store.words import indexed
from testbed import parts
from testbed.ports import free_port

_MESSAGES = 100_000
_PROMPT, _ANSWER = 120, 1_200
"""Characters."""
_RARE = 5_000
_DIFFERENT = 1_000
_USERS = ["anna", *(f"user-{number}" for number in range(10))]
_ADD_WORDS = sa.insert(searched).values(words=as_words(sa.bindparam("of_words", type_=sa.Text)))
_STEP = 2_000
_CONVERSATION = 20
_BEGUN = 1_700_000_000.0
_TIMES = 21
_WRITES = 300
_SYLLABLES = ["ka", "lo", "mi", "re", "tu", "sen", "dor", "vel", "pan", "qui", "zu", "hy"]
_QUERIES = {
    "a word of nearly all": "lo",
    "two words": "lo mi",
    "the beginning of many words": "lo mi se",
    "a rare word": "rarely",
    "a phrase": '"lo mi"',
    "none": "nowhere",
}


def searches(site: Site) -> list[Row]:
    """Both databases, with others' messages between those of the user who searches."""
    count = _MESSAGES // 10 if site.quick else _MESSAGES
    rows = []
    for name, database in (("SQLite", _sqlite), ("PostgreSQL", _postgresql)):
        with database() as url:
            rows += uvloop.run(_measure(name, url, count))
    return rows


@contextmanager
def _sqlite() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="sqlite-") as folder:
        yield f"sqlite:///{folder}/search.db"


@contextmanager
def _postgresql() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="postgresql-") as folder:
        port = free_port()
        with parts.postgresql(port, Path(folder)):
            yield f"postgresql://postgres@127.0.0.1:{port}/postgres"


async def _measure(name: str, url: str, count: int) -> list[Row]:
    store = Store(url)
    await migrate(store)
    texts = _Texts()
    for first in range(0, count, _STEP):
        await store.write(partial(_fill, texts, range(first, first + _STEP)))
    # the database does this by itself a little later
    await store.write(lambda connection: connection.execute(sa.text("ANALYZE")))
    rows = []
    for what, query in _QUERIES.items():
        seconds = [await _look(store, query) for _ in range(_TIMES)]
        middle, worst = statistics.median(seconds), max(seconds)
        rows.append(
            Row.of(
                f"search, {count:,} messages, {name}, {what}",
                f"{middle * 1e3:.1f} ms (at most {worst * 1e3:.1f})",
                ("≤ 50 ms", middle <= 0.05),
                milliseconds=middle * 1e3,
            )
        )
    with_words, without = await _writes(store, texts)
    rows.append(
        Row.of(
            f"an answer of {_ANSWER:,} characters stored, {name}",
            f"{with_words * 1e3:.2f} ms, {without * 1e3:.2f} without its words",
            milliseconds=with_words * 1e3,
            without=without * 1e3,
        )
    )
    await store.close()
    return rows


class _Texts:
    """Prompts and answers in turn, with the words to index for each user."""

    def __init__(self) -> None:
        chance = random.Random(1)
        self._all = [_text(chance, _ANSWER if n % 2 else _PROMPT) for n in range(_DIFFERENT)]
        self._indexed = {user: [indexed(user, text) for text in self._all] for user in _USERS}

    def __getitem__(self, number: int) -> str:
        return self._all[number % _DIFFERENT]

    def indexed(self, user: str, number: int) -> str:
        if number % _RARE == 0:
            return indexed(user, f"{self[number]} rarely")
        return self._indexed[user][number % _DIFFERENT]


def _fill(texts: _Texts, numbers: range, connection: sa.Connection) -> None:
    """Stores a user's messages of these numbers, and as many of others between them."""
    owned = [
        (user, number)
        for number in numbers
        for user in ("anna", _USERS[number // _CONVERSATION % 10 + 1])
    ]
    begun = [_conversation(*one) for one in owned if one[1] % _CONVERSATION == 0]
    stored = [_message(texts, *one) for one in owned]
    added = [
        {
            "id": (number << 31) + _USERS.index(user),
            "owner": user,
            "conversation": _conversation(user, number)["id"],
            "ordinal": number % _CONVERSATION + 1,
            "of_words": texts.indexed(user, number),
        }
        for user, number in owned
    ]
    connection.execute(sa.insert(conversations), begun)
    connection.execute(sa.insert(messages), stored)
    connection.execute(_ADD_WORDS, added)


def _conversation(user: str, number: int) -> dict[str, object]:
    return {
        "id": f"{user}-{number // _CONVERSATION}-in-the-length-of-real-ids",
        "owner": user,
        "title": "a title",
        "status": "complete",
        "updated_at": _BEGUN,
        "searched": 0,
    }


def _message(texts: _Texts, user: str, number: int) -> dict[str, object]:
    text = texts[number] + (" rarely" if number % _RARE == 0 else "")
    return {
        "conversation": _conversation(user, number)["id"],
        "ordinal": number % _CONVERSATION + 1,
        "owner": user,
        "id": f"{user}-{number}",
        "role": "assistant" if number % 2 else "user",
        "parts": encode([TextPart(text)]).decode(),
        "metadata": encode(Metadata(_BEGUN + number)).decode(),
    }


def _text(chance: random.Random, characters: int) -> str:
    """Words distributed as in a language: a few of them make half of a text."""
    words, length = [], 0
    while length < characters:
        rank = int(chance.paretovariate(0.9))
        word = ""
        while rank:
            rank, syllable = divmod(rank, len(_SYLLABLES))
            word += _SYLLABLES[syllable]
        words.append(word)
        length += len(word) + 1
    return " ".join(words)


async def _look(store: Store, text: str) -> float:
    query = Query(text)
    began = time.perf_counter()
    await store.read(
        lambda connection: [
            query.find(found.text)
            for found in search.find(
                connection, "anna", query.for_index("anna"), search.BEYOND_ALL, 21
            )
        ]
    )
    return time.perf_counter() - began


async def _writes(store: Store, texts: _Texts) -> tuple[float, float]:
    """The time of a transaction that stores an answer, with and without its words, in turns."""
    seconds: dict[bool, list[float]] = {True: [], False: []}
    for number in range(_WRITES):
        for words, user in ((True, "writer"), (False, "other-writer")):
            row = _message(texts, user, 2 * number + 1)
            began = time.perf_counter()
            await store.write(partial(_write, row, texts[2 * number + 1] if words else None))
            seconds[words].append(time.perf_counter() - began)
    return statistics.median(seconds[True]), statistics.median(seconds[False])


def _write(row: dict[str, Any], text: str | None, connection: sa.Connection) -> None:
    connection.execute(sa.insert(messages), row)
    if text is not None:
        message = Message(row["id"], "assistant", [TextPart(text)], Metadata(_BEGUN))
        search.add(connection, row["owner"], row["conversation"], row["ordinal"], message)
