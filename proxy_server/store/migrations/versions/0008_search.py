"""Archived conversations, and the search index.

Existing messages are indexed in small steps once a server runs; so are those that servers of the
previous version write at the same time.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TSVECTOR

from proxy_server.store.search_index import SEARCH

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column(
        "conversations",
        sa.Column("archived", sa.Boolean, nullable=False, server_default=sa.false()),
    )
    op.add_column("conversations", sa.Column("searched", sa.Integer))
    op.drop_index("conversations_of_owner", "conversations")
    op.create_index(
        "conversations_of_owner", "conversations", ["owner", "archived", "updated_at", "id"]
    )
    op.create_index(
        "unsearched_conversations",
        "conversations",
        ["owner", "id"],
        sqlite_where=sa.text("searched IS NULL OR searched <> version"),
        postgresql_where=sa.text("searched IS NULL OR searched <> version"),
    )
    op.create_table(
        "searched",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("conversation", sa.Text, nullable=False),
        sa.Column("ordinal", sa.Integer, nullable=False),
        sa.Column("words", sa.Text().with_variant(TSVECTOR(), "postgresql"), nullable=False),
        sa.UniqueConstraint("conversation", "ordinal"),
    )
    op.create_index("searched_of_owner", "searched", ["owner", "id"])
    for statement in SEARCH[op.get_bind().dialect.name]:
        op.execute(statement)
