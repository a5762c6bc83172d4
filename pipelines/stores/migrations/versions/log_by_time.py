"""The log by time: PostgreSQL keeps blocks and labels in partitions of a month; an index on when labels were known.

A migration never follows the code: what it does stays as it was when it was written.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_AHEAD = 2
_MOST = 240  # months of the past that get a partition of their own; what is older stays in the one for the rest
_BLOCKS = """CREATE TABLE prediction_blocks (
    seq BIGSERIAL NOT NULL, made BIGINT NOT NULL, problem VARCHAR(63) NOT NULL, version INTEGER NOT NULL,
    run_id VARCHAR(64) NOT NULL, source VARCHAR(32) NOT NULL, rows INTEGER NOT NULL,
    first_moment TIMESTAMP WITHOUT TIME ZONE NOT NULL, last_moment TIMESTAMP WITHOUT TIME ZONE NOT NULL,
    reach BIGINT NOT NULL, ids BYTEA NOT NULL, content BYTEA NOT NULL, UNIQUE (seq, made)
) PARTITION BY RANGE (made)"""
_LABELS = """CREATE TABLE labels (
    seq BIGSERIAL NOT NULL, prediction_id VARCHAR(36) NOT NULL, label TEXT NOT NULL,
    known_at TIMESTAMP WITHOUT TIME ZONE NOT NULL, received_at TIMESTAMP WITHOUT TIME ZONE NOT NULL,
    UNIQUE (seq, received_at)
) PARTITION BY RANGE (received_at)"""
_INDEXES = {
    "prediction_blocks": {
        "prediction_blocks_by_id": ["made"],
        "prediction_blocks_by_moment": ["problem", "reach", "first_moment"],
    },
    "labels": {"labels_by_known": ["known_at"], "labels_by_prediction": ["prediction_id", "seq"]},
}
_OLD = {
    "prediction_blocks": ["prediction_blocks_by_id", "prediction_blocks_by_moment"],
    "labels": ["labels_by_prediction"],
}


def upgrade() -> None:
    """Move the rows into partitions; on SQLite only the index is new."""
    if op.get_bind().dialect.name == "sqlite":
        op.create_index("labels_by_known", "labels", ["known_at"], if_not_exists=True)
        return
    moment = "(extract(epoch FROM date_trunc('month', to_timestamp({} / 1000.0) AT TIME ZONE 'UTC')))::bigint"
    _partition("prediction_blocks", _BLOCKS, moment.format("made"))
    _partition("labels", _LABELS, "(extract(epoch FROM date_trunc('month', received_at)))::bigint")


def _partition(table: str, statement: str, month: str) -> None:
    connection, old = op.get_bind(), f"{table}_of_0001"
    op.execute(f"ALTER TABLE {table} RENAME TO {old}")
    op.execute(f"ALTER SEQUENCE {table}_seq_seq RENAME TO {old}_seq_seq")
    for index in (*_OLD[table], f"{table}_pkey"):
        op.execute(f"ALTER INDEX {index} RENAME TO {index}_of_0001")
    op.execute(statement)
    for name, columns in _INDEXES[table].items():
        op.create_index(name, table, columns)
    op.execute(f"CREATE TABLE {table}_rest PARTITION OF {table} DEFAULT")
    found = connection.execute(
        sa.text(f"SELECT DISTINCT {month} AS month FROM {old} ORDER BY month DESC LIMIT {_MOST}")
    )
    past = {datetime.fromtimestamp(one, UTC) for one in found.scalars()}
    for start in sorted(past | {_later(datetime.now(UTC), ahead) for ahead in range(_AHEAD + 1)}):
        bounds = [_bound(table, one) for one in (start, _later(start, 1))]
        name = f"{table}_{start:%Y_%m}"
        op.execute(f"CREATE TABLE {name} (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES)")
        op.execute(f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ({bounds[0]}) TO ({bounds[1]})")
    op.execute(f"INSERT INTO {table} SELECT * FROM {old}")
    op.execute(f"SELECT setval('{table}_seq_seq', (SELECT coalesce(max(seq), 0) + 1 FROM {table}), false)")
    op.execute(f"DROP TABLE {old}")


def _later(moment: datetime, months: int) -> datetime:
    years, month = divmod(moment.month - 1 + months, 12)
    return datetime(moment.year + years, month + 1, 1, tzinfo=UTC)


def _bound(table: str, moment: datetime) -> Any:
    return int(moment.timestamp() * 1000) if table == "prediction_blocks" else f"'{moment:%Y-%m-%d}'"
