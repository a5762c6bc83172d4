"""The table of the log's sealed segments."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "log_segments",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
        *(sa.Column("problem", sa.String(63), nullable=False), sa.Column("path", sa.String(200), nullable=False)),
        sa.Column("state", sa.String(16), nullable=False),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("rows", "labels", "labelled")),
        *(sa.Column(name, sa.DateTime, nullable=False) for name in ("first_moment", "last_moment")),
        *(sa.Column(name, sa.String(36), nullable=False) for name in ("first_id", "last_id")),
        *(sa.Column(name, sa.DateTime) for name in ("first_known", "last_known")),
        *(sa.Column("size", sa.BigInteger, nullable=False), sa.Column("digest", sa.String(64), nullable=False)),
        *(sa.Column("sealed_at", sa.DateTime, nullable=False), sa.Column("ids", sa.LargeBinary, nullable=False)),
        sa.UniqueConstraint("path"),
        sqlite_autoincrement=True,
        if_not_exists=True,
    )
    op.create_index("log_segments_by_moment", "log_segments", ["problem", "last_moment"], if_not_exists=True)
