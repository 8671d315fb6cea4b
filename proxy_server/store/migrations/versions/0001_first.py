"""Conversations, messages, generations, admissions."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "conversations",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("updated_at", sa.Double, nullable=False),
    )
    op.create_index("conversations_of_owner", "conversations", ["owner", "updated_at", "id"])
    op.create_table(
        "messages",
        sa.Column("conversation", sa.Text, nullable=False),
        sa.Column("ordinal", sa.Integer, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("parts", sa.Text, nullable=False),
        sa.Column("metadata", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("conversation", "ordinal"),
        sa.UniqueConstraint("owner", "id"),
    )
    op.create_table(
        "generations",
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
    )
    op.create_index("generations_of_conversation", "generations", ["conversation", "ordinal"])
    op.create_index("generations_of_owner", "generations", ["owner"])
    op.create_index("generations_of_runner", "generations", ["runner"])
    op.create_index(
        "one_running_generation",
        "generations",
        ["conversation"],
        unique=True,
        sqlite_where=sa.text("status = 'streaming'"),
        postgresql_where=sa.text("status = 'streaming'"),
    )
    op.create_table(
        "outbox",
        sa.Column("message", sa.Text, primary_key=True),
        sa.Column("conversation", sa.Text, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        sa.Column("due", sa.Double, nullable=False),
    )
    op.create_table(
        "admissions",
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
    )
    op.create_index("admissions_of_owner", "admissions", ["owner", "at"])
