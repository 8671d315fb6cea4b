"""The last title that no user gave: only such a one is replaced without them."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.add_column("conversations", sa.Column("given_title", sa.Text))
