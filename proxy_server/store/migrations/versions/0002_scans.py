"""Indexes for what every server does each second: find queued answers, renew leases."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.drop_index("generations_of_runner", "generations")
    op.create_index(
        "queued_generations",
        "generations",
        ["conversation", "ordinal"],
        sqlite_where=sa.text("status = 'queued'"),
        postgresql_where=sa.text("status = 'queued'"),
    )
    op.create_index("admissions_by_time", "admissions", ["at"])
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE generations SET (fillfactor = 50)")
