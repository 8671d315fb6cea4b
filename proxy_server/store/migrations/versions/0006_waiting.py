"""Answers that wait for a decision, and what triggered each answer."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("generations", sa.Column("triggered_by", sa.Text))
    op.add_column("generations", sa.Column("decisions", sa.Text))
    op.create_index(
        "waiting_generations",
        "generations",
        ["lease"],
        sqlite_where=sa.text("status = 'waiting'"),
        postgresql_where=sa.text("status = 'waiting'"),
    )
