"""The tables, and the clock that all replicas share."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from proxy_server.store.search_index import SEARCH

schema = sa.MetaData()

# `version` grows with each change of a row. `key` is the client's name for a conversation.
# `searched` is the version up to which all messages are in the search index. `given_title` is the
# last title that no user gave; NULL if the conversation was begun by a previous version.
conversations = sa.Table(
    "conversations",
    schema,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("updated_at", sa.Double, nullable=False),
    sa.Column("version", sa.Integer, nullable=False, server_default=sa.text("0")),
    sa.Column("key", sa.Text),
    sa.Column("archived", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("searched", sa.Integer),
    sa.Column("given_title", sa.Text),
    sa.Index("conversations_of_owner", "owner", "archived", "updated_at", "id"),
    sa.Index(
        "unsearched_conversations",
        "owner",
        "id",
        sqlite_where=sa.text("searched IS NULL OR searched <> version"),
        postgresql_where=sa.text("searched IS NULL OR searched <> version"),
    ),
    sa.Index(
        "conversations_by_key",
        "owner",
        "key",
        unique=True,
        sqlite_where=sa.text("key IS NOT NULL"),
        postgresql_where=sa.text("key IS NOT NULL"),
    ),
)


def _message_columns() -> list[sa.Column[Any]]:
    """The columns that a message keeps when it leaves the view and comes back."""
    return [
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("ordinal", sa.Integer, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("parts", sa.Text, nullable=False),
        sa.Column("metadata", sa.Text, nullable=False),
    ]


# The messages in view. `made` is the version of the conversation that the message created; NULL for
# messages older than that column.
messages = sa.Table(
    "messages",
    schema,
    sa.Column("conversation", sa.Text, nullable=False),
    *_message_columns(),
    sa.Column("made", sa.Integer),
    sa.PrimaryKeyConstraint("conversation", "ordinal"),
    # The client chooses a message's id: it is unique per user, not across users.
    sa.UniqueConstraint("owner", "id"),
)

GONE = ""
"""In `owner` of a conversation: it is deleted, and what is left of it goes in small steps."""

TAKEN_OVER = "taken over"
"""A value of `stop`: the lease was taken from a silent server, to close the answer."""

# Versions of messages that left the view, with what followed each; they may come back. `parent` is
# the id of the message before, empty for a first one; `ordinal` is its place when in view. The
# foreign key deletes them with their conversation in PostgreSQL, even if a server does so that does
# not know this table.
hidden_messages = sa.Table(
    "hidden_messages",
    schema,
    sa.Column(
        "conversation",
        sa.Text,
        sa.ForeignKey("conversations.id", ondelete="CASCADE"),
        nullable=False,
    ),
    *_message_columns(),
    sa.Column("parent", sa.Text, nullable=False),
    sa.Column("made", sa.Integer, nullable=False),
    sa.PrimaryKeyConstraint("owner", "id"),
    sa.Index("hidden_messages_in_place", "conversation", "ordinal", "parent"),
)

# Answers that are queued, running or waiting; the row is deleted when the answer ends. `parts`,
# `seq`, `position_offset` and `position_epoch` are the checkpoint, always of the same moment.
# `data` and `meta` came with the prompt, as JSON. A waiting answer has no runner; its `lease` is
# when it is closed. `triggered_by` is what asked for the answer, by default a prompt. `decisions`
# are those made on what the answer waits or waited for, as JSON.
generations = sa.Table(
    "generations",
    schema,
    sa.Column("message", sa.Text, primary_key=True),
    sa.Column("conversation", sa.Text, nullable=False),
    sa.Column("ordinal", sa.Integer, nullable=False),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("created_at", sa.Double, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("runner", sa.Text),
    sa.Column("lease", sa.Double),
    sa.Column("stop", sa.Text),
    sa.Column("seq", sa.Integer, nullable=False, server_default=sa.text("0")),
    sa.Column("parts", sa.Text, nullable=False, server_default=sa.text("'[]'")),
    sa.Column("position_offset", sa.BigInteger, nullable=False),
    sa.Column("position_epoch", sa.Text, nullable=False),
    sa.Column("data", sa.Text),
    sa.Column("meta", sa.Text),
    sa.Column("triggered_by", sa.Text),
    sa.Column("decisions", sa.Text),
    sa.Index("generations_of_conversation", "conversation", "ordinal"),
    sa.Index("generations_of_owner", "owner"),
    sa.Index(
        "queued_generations",
        "conversation",
        "ordinal",
        sqlite_where=sa.text("status = 'queued'"),
        postgresql_where=sa.text("status = 'queued'"),
    ),
    sa.Index(
        "one_running_generation",
        "conversation",
        unique=True,
        sqlite_where=sa.text("status = 'streaming'"),
        postgresql_where=sa.text("status = 'streaming'"),
    ),
    sa.Index(
        "waiting_generations",
        "lease",
        sqlite_where=sa.text("status = 'waiting'"),
        postgresql_where=sa.text("status = 'waiting'"),
    ),
    # free space beside each row, so that renewals touch no index
    postgresql_with={"fillfactor": 50},
)

# Publications that Centrifugo may not have: the last one of each finished answer, the deletion of a
# conversation (with its `owner`), and the newest title of each renamed conversation. `message` is
# OutboxEntry's id, `seq` its version. The server that stored a row publishes it at once; after
# `due`, any server does, with the same idempotency key.
outbox = sa.Table(
    "outbox",
    schema,
    sa.Column("message", sa.Text, primary_key=True),
    sa.Column("conversation", sa.Text, nullable=False),
    sa.Column("seq", sa.Integer, nullable=False),
    sa.Column("data", sa.Text, nullable=False),
    sa.Column("due", sa.Double, nullable=False),
    sa.Column("owner", sa.Text),
)

# When each user asked for answers, for the limit per minute. Messages cannot be counted instead,
# because regenerating removes them.
admissions = sa.Table(
    "admissions",
    schema,
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("at", sa.Double, nullable=False),
    sa.Index("admissions_of_owner", "owner", "at"),
    sa.Index("admissions_by_time", "at"),
)

OF_VISITORS = "owner LIKE 'visitor-%'"
"""The rows of anonymous visitors."""

# Users' files, stored as small pieces. `due`: when a file that no message names is removed; NULL if
# one does. `whole`: all pieces are there, so a message may name it.
uploads = sa.Table(
    "uploads",
    schema,
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("id", sa.Text, nullable=False),
    sa.Column("media_type", sa.Text, nullable=False),
    sa.Column("filename", sa.Text),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("parts", sa.Integer, nullable=False),
    sa.Column("piece_bytes", sa.Integer, nullable=False),
    sa.Column("whole", sa.Boolean, nullable=False),
    sa.Column("due", sa.Double),
    sa.PrimaryKeyConstraint("owner", "id"),
    sa.Index(
        "uploads_due",
        "due",
        sqlite_where=sa.text("due IS NOT NULL"),
        postgresql_where=sa.text("due IS NOT NULL"),
    ),
    sa.Index(
        "uploads_of_visitors",
        "bytes",
        "due",
        sqlite_where=sa.text(OF_VISITORS),
        postgresql_where=sa.text(OF_VISITORS),
    ),
)

upload_pieces = sa.Table(
    "upload_pieces",
    schema,
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("upload", sa.Text, nullable=False),
    sa.Column("part", sa.Integer, nullable=False),
    sa.Column("data", sa.LargeBinary, nullable=False),
    sa.PrimaryKeyConstraint("owner", "upload", "part"),
)

# Which messages name which files.
upload_uses = sa.Table(
    "upload_uses",
    schema,
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("upload", sa.Text, nullable=False),
    sa.PrimaryKeyConstraint("owner", "message", "upload"),
    sa.Index("upload_uses_of_upload", "owner", "upload"),
)
# The search index: messages, and titles of conversations with ordinal 0. `id` grows with the time
# of the message. `words` are the words of the text, each once and prefixed with its owner's mark: a
# text for FTS5 in SQLite, a tsvector in PostgreSQL. Triggers delete a row with its message or
# conversation, whichever code deletes that.
searched = sa.Table(
    "searched",
    schema,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("conversation", sa.Text, nullable=False),
    sa.Column("ordinal", sa.Integer, nullable=False),
    sa.Column("words", sa.Text().with_variant(TSVECTOR(), "postgresql"), nullable=False),
    sa.UniqueConstraint("conversation", "ordinal"),
    sa.Index("searched_of_owner", "owner", "id"),
)
for dialect, statements in SEARCH.items():
    for statement in statements:
        ddl = sa.DDL(statement)  # type: ignore[no-untyped-call]
        sa.event.listen(searched, "after_create", ddl.execute_if(dialect=dialect))


RETIRED = {"generations": ["removed"], "outbox": ["removed"]}
"""Columns that stay in a migrated database for servers of the previous version."""


class now(FunctionElement[float]):  # noqa: N801 -- reads like the SQL function it stands for
    """The database's clock in Unix seconds, shared by all replicas."""

    type = sa.Double()
    inherit_cache = True


@compiles(now, "sqlite")
def _sqlite_now(*_: Any, **__: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(now, "postgresql")
def _postgresql_now(*_: Any, **__: Any) -> str:
    return "CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS DOUBLE PRECISION)"
