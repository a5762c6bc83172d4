"""Segments may hold late labels alone (their `rows` are 0): no table changes, but code of before reads none of them.

It would take one for a segment of answers; the revision keeps it from this database.
"""

from __future__ import annotations

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Nothing to be changed."""
