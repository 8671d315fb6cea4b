"""The search table: written with each message and title, and queried.

Both databases hold the same words and return candidates; `query` decides on the text itself.
"""

import random
from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from proxy_server.protocol.messages import Message, Part, TextPart, decode_parts
from proxy_server.protocol.sessions import Summary
from proxy_server.protocol.turns import Assignment
from proxy_server.store.query import Word
from proxy_server.store.schema import GONE, conversations, messages, searched
from proxy_server.store.sql_functions import as_words
from proxy_server.store.words import indexed

TITLE = 0
"""The ordinal of a title in the index; no message has it."""
BEYOND_ALL = (1 << 63) - 1

# An id is milliseconds, then the kind (all rows of a turn have the same time), then random bits,
# because two rows of the same moment must differ.
_MILLISECOND, _PROMPT, _ANSWER, _CHANCE = 1 << 21, 1 << 19, 2 << 19, 19
_TRIES = 2

_VALUES = {"words": as_words(sa.bindparam("of_words", type_=sa.Text))}
_ADD: dict[str, Any] = {
    "sqlite": sqlite.insert(searched).values(_VALUES).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(searched).values(_VALUES).on_conflict_do_nothing(),
}
# Each conversation's first answer inserts three of these rows. Through the driver alone they take
# two thirds of the time.
_COLUMNS = ["id", "owner", "conversation", "ordinal"]
_SQLITE_ADD = _ADD["sqlite"].compile(dialect=sqlite.dialect(), column_keys=_COLUMNS)
_REMOVE_TITLE = sa.delete(searched).where(
    searched.c.conversation == sa.bindparam("of_conversation"), searched.c.ordinal == TITLE
)
_OWNER = sa.select(conversations.c.owner).where(conversations.c.id == sa.bindparam("of_id"))


# FTS5 returns rows in the order of their ids, so this stops at the limit.
_SQLITE = sa.text("""
SELECT searched.id FROM search_words CROSS JOIN searched ON searched.id = search_words.rowid
WHERE search_words MATCH :words AND search_words.rowid < :before AND searched.owner = :owner
ORDER BY search_words.rowid DESC LIMIT :most
""")
# GIN returns all matching rows, unordered. A frequent word is found among the newest texts; a word
# that is not among those is rare. The order is by owner and id, which only one index has.
_POSTGRESQL_RECENT = sa.text("""
SELECT id FROM (
    SELECT id, words FROM searched WHERE owner = :owner AND id < :before
    ORDER BY owner DESC, id DESC LIMIT 500
) AS recent
WHERE words @@ CAST(:words AS tsquery) ORDER BY id DESC LIMIT :most
""")
# `+ 0` prevents a scan in primary key order, which would read every text
_POSTGRESQL_ALL = sa.text("""
SELECT id FROM searched
WHERE words @@ CAST(:words AS tsquery) AND id < :before AND owner || '' = :owner
ORDER BY id + 0 DESC LIMIT :most
""")
_TEXTS = (
    sa.select(
        searched.c.id,
        searched.c.conversation,
        searched.c.ordinal,
        conversations.c.title,
        conversations.c.archived,
        messages.c.id.label("message"),
        messages.c.parts,
        (conversations.c.owner == GONE).label("gone"),
    )
    .select_from(searched)
    .join(conversations, conversations.c.id == searched.c.conversation)
    .outerjoin(
        messages,
        (messages.c.conversation == searched.c.conversation)
        & (messages.c.ordinal == searched.c.ordinal),
    )
    .where(searched.c.id.in_(sa.bindparam("ids", expanding=True)))
    .order_by(searched.c.id.desc())
)


class Found(NamedTuple):
    """A text that has the words. `message` is None for a title; `at` is in Unix seconds."""

    id: int
    at: float
    conversation: str
    title: str
    archived: bool
    message: str | None
    text: str


def add(
    connection: sa.Connection, user: str, conversation_id: str, ordinal: int, message: Message
) -> None:
    """Part of the transaction that stores a complete message."""
    at, text = message.metadata.created_at, text_of(message.parts)
    kind = _ANSWER if message.role == "assistant" else _PROMPT
    _add(connection, user, conversation_id, ordinal, at, text, kind)


def add_answer(connection: sa.Connection, assignment: Assignment, parts: Sequence[Part]) -> None:
    """Part of the transaction that stores an answer's end."""
    at, text = assignment.created_at, text_of(parts)
    place = assignment.user, assignment.conversation_id, assignment.ordinal
    _add(connection, *place, at, text, _ANSWER)


def pass_over(
    connection: sa.Connection, user: str, conversation_id: str, ordinal: int, at: float
) -> None:
    """Marks a message as indexed, without any words."""
    _add(connection, user, conversation_id, ordinal, at, "")


def begin(connection: sa.Connection, user: str, summary: Summary) -> None:
    """Part of the transaction that begins a conversation."""
    _add(connection, user, summary.id, TITLE, summary.updated_at, summary.title)


def entitle(connection: sa.Connection, summary: Summary) -> None:
    """Part of the transaction that changes a conversation's title."""
    owner = connection.execute(_OWNER, {"of_id": summary.id}).scalar_one()
    connection.execute(_REMOVE_TITLE, {"of_conversation": summary.id})
    begin(connection, owner, summary)


def text_of(parts: Sequence[Part]) -> str:
    return "\n".join(part.text for part in parts if isinstance(part, TextPart))


def find(
    connection: sa.Connection, user: str, words: Sequence[Word], before: int, most: int
) -> list[Found]:
    """The newest texts of a user, with ids below `before`, that have all the words."""
    candidates = _CANDIDATES[connection.dialect.name]
    ids = candidates(connection, words, {"owner": user, "before": before, "most": most})
    return [_found(row) for row in connection.execute(_TEXTS, {"ids": ids})] if ids else []


def _found(row: Any) -> Found:
    text = row.title if row.ordinal == TITLE else text_of(decode_parts(row.parts or "[]"))
    if row.gone:
        # no word is in it: the page goes on behind it
        text = ""
    at = row.id // _MILLISECOND / 1000
    return Found(row.id, at, row.conversation, row.title, bool(row.archived), row.message, text)


def _in_sqlite(
    connection: sa.Connection, words: Sequence[Word], wanted: dict[str, Any]
) -> Sequence[int]:
    expression = " AND ".join(f'"{word.text}"{" *" if word.begins else ""}' for word in words)
    return connection.execute(_SQLITE, wanted | {"words": expression}).scalars().all()


def _in_postgresql(
    connection: sa.Connection, words: Sequence[Word], wanted: dict[str, Any]
) -> Sequence[int]:
    expression = " & ".join(f"'{word.text}'{':*' if word.begins else ''}" for word in words)
    wanted["words"] = expression
    recent = connection.execute(_POSTGRESQL_RECENT, wanted).scalars().all()
    if len(recent) == wanted["most"]:
        return recent
    return connection.execute(_POSTGRESQL_ALL, wanted).scalars().all()


_CANDIDATES = {"sqlite": _in_sqlite, "postgresql": _in_postgresql}


def _add(
    connection: sa.Connection,
    user: str,
    conversation_id: str,
    ordinal: int,
    at: float,
    text: str,
    kind: int = 0,
) -> None:
    row: dict[str, Any] = {
        "owner": user,
        "conversation": conversation_id,
        "ordinal": ordinal,
        "of_words": indexed(user, text),
    }
    moment = int(at * 1000) * _MILLISECOND + kind
    add = _add_in_sqlite if connection.dialect.name == "sqlite" else _add_in_postgresql
    for _ in range(_TRIES):
        row["id"] = moment + random.getrandbits(_CHANCE)
        if add(connection, row):
            return


def _add_in_sqlite(connection: sa.Connection, row: dict[str, Any]) -> bool:
    """Whether the row was added; False if its id is taken."""
    values = tuple(row[name] for name in _SQLITE_ADD.positiontup)
    return bool(connection.exec_driver_sql(str(_SQLITE_ADD), values).rowcount)


def _add_in_postgresql(connection: sa.Connection, row: dict[str, Any]) -> bool:
    return bool(connection.execute(_ADD["postgresql"], row).rowcount)
