"""What a dead server may leave unpublished: replaced messages, and the owner of a deletion."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("generations", sa.Column("removed", sa.Text))
    op.add_column("outbox", sa.Column("owner", sa.Text))
    op.add_column("outbox", sa.Column("removed", sa.Text))
