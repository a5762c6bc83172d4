"""The tables of the prediction log, and what a caller is told when their database does not answer.

Moments are kept in UTC without a zone. Every table is appended to and never changed. On PostgreSQL blocks and labels
are partitioned by month (`log_partitions`), answers with their callers' ids are not: that an id is there only once can
be promised only of a whole table.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from pipelines.core.errors import Unavailable

METADATA = sa.MetaData()
_Number = sa.BigInteger().with_variant(sa.Integer, "sqlite")  # SQLite numbers rows by itself only in an INTEGER
PREDICTIONS = sa.Table(
    "predictions",
    METADATA,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("problem", sa.String(63), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("run_id", sa.String(64), nullable=False),
    sa.Column("at", sa.DateTime, nullable=False),
    sa.Column("time", sa.DateTime),
    sa.Column("moment", sa.DateTime, nullable=False),  # time where there is one, else at: what windows go by
    sa.Column("inputs", sa.Text, nullable=False),
    sa.Column("history", sa.Text),
    sa.Column("prediction", sa.Text, nullable=False),
    sa.Column("probabilities", sa.Text),
    sa.Column("source", sa.String(32), nullable=False),
    sa.Index("predictions_by_moment", "problem", "moment"),
)
"""One row for each answer that came with an id of its caller's: batch scoring, and logs of earlier versions."""
BLOCKS = sa.Table(
    "prediction_blocks",
    METADATA,
    sa.Column("seq", _Number, primary_key=True, autoincrement=True),
    sa.Column("made", sa.BigInteger, nullable=False),  # the millisecond that all of its ids begin with
    sa.Column("problem", sa.String(63), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("run_id", sa.String(64), nullable=False),
    sa.Column("source", sa.String(32), nullable=False),
    sa.Column("rows", sa.Integer, nullable=False),
    sa.Column("first_moment", sa.DateTime, nullable=False),
    sa.Column("last_moment", sa.DateTime, nullable=False),
    sa.Column("reach", sa.BigInteger, nullable=False),  # one of REACHES: the last moment is no further from the first
    sa.Column("ids", sa.LargeBinary, nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.Index("prediction_blocks_by_id", "made"),
    sa.Index("prediction_blocks_by_moment", "problem", "reach", "first_moment"),
    sa.UniqueConstraint("seq", "made").ddl_if(dialect="postgresql"),
    postgresql_partition_by="RANGE (made)",
)
"""One row for all that was scored together: see `stores/logbook/log_blocks.py`."""
LABELS = sa.Table(
    "labels",
    METADATA,
    sa.Column("seq", _Number, primary_key=True, autoincrement=True),
    sa.Column("prediction_id", sa.String(36), nullable=False),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("known_at", sa.DateTime, nullable=False),
    sa.Column("received_at", sa.DateTime, nullable=False),
    sa.Index("labels_by_prediction", "prediction_id", "seq"),
    sa.Index("labels_by_known", "known_at"),
    sa.UniqueConstraint("seq", "received_at").ddl_if(dialect="postgresql"),
    postgresql_partition_by="RANGE (received_at)",
)
for _table in (BLOCKS, LABELS):  # PostgreSQL: a key of a partitioned table holds what it is partitioned by
    _table.primary_key.ddl_if(dialect="sqlite")


@contextmanager
def translated() -> Iterator[None]:
    """Unavailable for whatever the database says instead of an answer."""
    try:
        yield
    except DBAPIError as error:
        raise Unavailable(f"the prediction log's database does not answer ({error.orig}): check it") from error
