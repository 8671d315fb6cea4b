"""Uploaded files in pieces, and which messages name them."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "uploads",
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
    )
    op.create_index(
        "uploads_due",
        "uploads",
        ["due"],
        sqlite_where=sa.text("due IS NOT NULL"),
        postgresql_where=sa.text("due IS NOT NULL"),
    )
    op.create_table(
        "upload_pieces",
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("upload", sa.Text, nullable=False),
        sa.Column("part", sa.Integer, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("owner", "upload", "part"),
    )
    op.create_table(
        "upload_uses",
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("upload", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("owner", "message", "upload"),
    )
    op.create_index("upload_uses_of_upload", "upload_uses", ["owner", "upload"])
