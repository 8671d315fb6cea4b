"""The files of all visitors, to be counted without a look at those of others."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_index(
        "uploads_of_visitors",
        "uploads",
        ["bytes", "due"],
        sqlite_where=sa.text("owner LIKE 'visitor-%'"),
        postgresql_where=sa.text("owner LIKE 'visitor-%'"),
    )
