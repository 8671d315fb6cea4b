"""Versions and keys of conversations, and the data that comes with a prompt.

`removed` in two tables is no longer used. It stays, because servers of the previous version may
still run beside the first of this one.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column(
        "conversations",
        sa.Column("version", sa.Integer, nullable=False, server_default=sa.text("0")),
    )
    op.add_column("conversations", sa.Column("key", sa.Text))
    op.create_index(
        "conversations_by_key",
        "conversations",
        ["owner", "key"],
        unique=True,
        sqlite_where=sa.text("key IS NOT NULL"),
        postgresql_where=sa.text("key IS NOT NULL"),
    )
    op.add_column("generations", sa.Column("data", sa.Text))
    op.add_column("generations", sa.Column("meta", sa.Text))
