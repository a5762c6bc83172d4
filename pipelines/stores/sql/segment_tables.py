"""The sealed segments of the prediction log: which there are, of which rows, and the digest of each file.

A segment is immutable. Its row is written as `pending` before its file, and becomes `sealed` in the transaction that
takes its rows out of the database: until then they are read there, and from then on in the file. One without rows
holds labels alone, which came for sealed answers: what it says of moments and ids is of these answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

METADATA = sa.MetaData()
SEGMENTS = sa.Table(
    "log_segments",
    METADATA,
    sa.Column("seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("problem", sa.String(63), nullable=False),
    sa.Column("path", sa.String(200), nullable=False, unique=True),  # below the archive's root
    sa.Column("state", sa.String(16), nullable=False),  # pending, sealed
    sa.Column("rows", sa.Integer, nullable=False),
    sa.Column("labels", sa.Integer, nullable=False),
    sa.Column("labelled", sa.Integer, nullable=False),  # answers that have a label, and have it in no earlier segment
    sa.Column("first_moment", sa.DateTime, nullable=False),
    sa.Column("last_moment", sa.DateTime, nullable=False),
    sa.Column("first_id", sa.String(36), nullable=False),
    sa.Column("last_id", sa.String(36), nullable=False),
    sa.Column("first_known", sa.DateTime),  # when the earliest and the latest of its labels became known
    sa.Column("last_known", sa.DateTime),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),  # SHA-256 of the file
    sa.Column("sealed_at", sa.DateTime, nullable=False),
    sa.Column("ids", sa.LargeBinary, nullable=False),  # see id_filter.py
    sa.Index("log_segments_by_moment", "problem", "last_moment"),
    sqlite_autoincrement=True,  # a number that was given is never given again: readers remember segments by it
)
PENDING, SEALED = "pending", "sealed"
_TOLD = [column for column in SEGMENTS.columns if column.name not in ("state", "ids")]


@dataclass(frozen=True)
class Segment:
    """A sealed segment; moments are UTC without a zone."""

    seq: int
    problem: str
    path: str
    rows: int
    labels: int
    labelled: int
    first_moment: datetime
    last_moment: datetime
    first_id: str
    last_id: str
    first_known: datetime | None
    last_known: datetime | None
    size: int
    digest: str
    sealed_at: datetime

    @property
    def late(self) -> bool:
        """Whether it holds labels alone, which came after their answers were sealed."""
        return self.rows == 0

    def knows(self, since: datetime, until: datetime) -> bool:
        """Whether it may hold labels that became known in (since, until]."""
        if self.first_known is None or self.last_known is None:
            return False
        return self.first_known <= until and self.last_known > since

    def knows_only(self, since: datetime, until: datetime) -> bool:
        """Whether all of its labels became known in (since, until]."""
        if self.first_known is None or self.last_known is None:
            return True
        return self.first_known > since and self.last_known <= until

    def touches(self, start: datetime, end: datetime) -> bool:
        """Whether it may hold rows of [start, end)."""
        return self.first_moment < end and self.last_moment >= start


def count_sealed(
    connection: sa.Connection, problem: str | None = None, span: tuple[datetime, datetime] | None = None
) -> int:
    """How many segments are sealed, of a problem and about moments of a span if given.

    It only ever grows: whoever has seen as many has seen all.
    """
    query = sa.select(sa.func.count()).select_from(SEGMENTS).where(SEGMENTS.c.state == SEALED)
    if problem is not None:
        query = query.where(SEGMENTS.c.problem == problem)
    if span is not None:
        query = query.where(SEGMENTS.c.last_moment >= span[0], SEGMENTS.c.first_moment < span[1])
    return int(connection.execute(query).scalar_one())


def list_segments(connection: sa.Connection, problem: str | None = None, state: str = SEALED) -> list[Segment]:
    """The segments of a problem, or all, in the order of their moments."""
    query = sa.select(*_TOLD).where(SEGMENTS.c.state == state).order_by(SEGMENTS.c.first_moment, SEGMENTS.c.seq)
    if problem is not None:
        query = query.where(SEGMENTS.c.problem == problem)
    return [Segment(**row._mapping) for row in connection.execute(query)]


def read_filter(connection: sa.Connection, seq: int) -> bytes:
    """The id filter of a segment."""
    return bytes(connection.execute(sa.select(SEGMENTS.c.ids).where(SEGMENTS.c.seq == seq)).scalar_one())


def add_pending(connection: sa.Connection, values: dict[str, Any]) -> int:
    """Announce a segment whose file is about to be written; its number."""
    adding = SEGMENTS.insert().values(state=PENDING, **values).returning(SEGMENTS.c.seq)
    return int(connection.execute(adding).scalar_one())


def mark_sealed(connection: sa.Connection, seq: int) -> bool:
    """Whether a pending segment became a sealed one; false where another process has dropped it meanwhile."""
    ours = (SEGMENTS.c.seq == seq) & (SEGMENTS.c.state == PENDING)
    return connection.execute(SEGMENTS.update().where(ours).values(state=SEALED)).rowcount == 1


def drop_pending(connection: sa.Connection, seq: int) -> bool:
    """Whether a pending segment was dropped; false where it is sealed by now."""
    ours = (SEGMENTS.c.seq == seq) & (SEGMENTS.c.state == PENDING)
    return connection.execute(SEGMENTS.delete().where(ours)).rowcount == 1
