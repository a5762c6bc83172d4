"""The log by time: PostgreSQL keeps blocks and labels in partitions of a month; an index on when labels were known.

Rows are copied in batches while services write on; only the last few are copied while they wait. A migration never
follows the code: what it does stays as it was when it was written.
"""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.exc import OperationalError

revision = "0002"
down_revision = "0001"

_AHEAD = 2
_MOST = 240  # months of the past that get a partition of their own; what is older stays in the one for the rest
_TABLES = {
    "prediction_blocks": """seq BIGSERIAL NOT NULL, made BIGINT NOT NULL, problem VARCHAR(63) NOT NULL,
    version INTEGER NOT NULL, run_id VARCHAR(64) NOT NULL, source VARCHAR(32) NOT NULL, rows INTEGER NOT NULL,
    first_moment TIMESTAMP WITHOUT TIME ZONE NOT NULL, last_moment TIMESTAMP WITHOUT TIME ZONE NOT NULL,
    reach BIGINT NOT NULL, ids BYTEA NOT NULL, content BYTEA NOT NULL""",
    "labels": """seq BIGSERIAL NOT NULL, prediction_id VARCHAR(36) NOT NULL, label TEXT NOT NULL,
    known_at TIMESTAMP WITHOUT TIME ZONE NOT NULL, received_at TIMESTAMP WITHOUT TIME ZONE NOT NULL""",
}
_KEYS = {"prediction_blocks": "made", "labels": "received_at"}
_INDEXES = {
    "prediction_blocks": {
        "prediction_blocks_by_id": ["made"],
        "prediction_blocks_by_moment": ["problem", "reach", "first_moment"],
    },
    "labels": {"labels_by_known": ["known_at"], "labels_by_prediction": ["prediction_id", "seq"]},
}
_MONTHS = {
    "prediction_blocks": "date_trunc('month', to_timestamp(made / 1000.0) AT TIME ZONE 'UTC')",
    "labels": "date_trunc('month', received_at)",
}
_BATCH = {"prediction_blocks": 5_000, "labels": 50_000}  # rows: about a second
_ROUNDS = 20
_TRIES, _WAIT, _PAUSE = 60, "500ms", 0.5  # sooner than a deadlock is looked for: whoever writes comes first
_log = logging.getLogger("ratchet.database")


def prepare(engine: sa.Engine) -> None:
    """Copy nearly all rows, batch by batch, beside the tables in use; killed and run again it goes on."""
    for table in _TABLES if engine.dialect.name != "sqlite" else ():
        with engine.begin() as connection:
            there = sa.inspect(connection).has_table(table)  # before there were revisions tables came one by one
            if there:
                _make(connection, table)
        for _ in range(_ROUNDS if there else 0):  # each copies what was written during the one before
            with engine.begin() as connection:  # numbers are given in order, but not kept in order:
                _lock(connection, table, "SHARE")  # nobody is about to keep a smaller one now
                settled = _last(connection, table)
            with engine.begin() as connection:
                before = _last(connection, _new(table))
            while before < settled:
                with engine.begin() as connection:
                    before = _copy(connection, table, before, settled)
                _log.info("%s: copied up to number %s of %s", table, before, settled)
            with engine.connect() as connection:
                if _last(connection, table) - settled < _BATCH[table]:
                    break


def upgrade() -> None:
    """Copy what is left and put the new tables in the place of the old; on SQLite only the index is new."""
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        op.create_index("labels_by_known", "labels", ["known_at"], if_not_exists=True)
        return
    for table in _TABLES:
        _make(connection, table)
    _lock(connection, ", ".join(_TABLES), "ACCESS EXCLUSIVE")
    for table in _TABLES:
        _copy(connection, table, _last(connection, _new(table)))
        op.execute(f"DROP TABLE {table}")
        op.execute(f"ALTER TABLE {_new(table)} RENAME TO {table}")
        op.execute(f"ALTER SEQUENCE {_new(table)}_seq_seq RENAME TO {table}_seq_seq")
        for index in _INDEXES[table]:
            op.execute(f"ALTER INDEX {_new(index)} RENAME TO {index}")
        op.execute(f"SELECT setval('{table}_seq_seq', {_last(connection, table) + 1}, false)")


def _make(connection: sa.Connection, table: str) -> None:
    """The new table with its partitions, under another name until it holds everything."""
    if sa.inspect(connection).has_table(_new(table)):
        return
    key = _KEYS[table]
    unique = f"CONSTRAINT {table}_seq_{key}_key UNIQUE (seq, {key})"
    connection.exec_driver_sql(f"CREATE TABLE {_new(table)} ({_TABLES[table]}, {unique}) PARTITION BY RANGE ({key})")
    for name, columns in _INDEXES[table].items():
        connection.exec_driver_sql(f"CREATE INDEX {_new(name)} ON {_new(table)} ({', '.join(columns)})")
    connection.exec_driver_sql(f"CREATE TABLE {table}_rest PARTITION OF {_new(table)} DEFAULT")
    found = f"SELECT DISTINCT {_MONTHS[table]} AS month FROM {table} ORDER BY month DESC LIMIT {_MOST}"
    past = {one.replace(tzinfo=UTC) for one in connection.exec_driver_sql(found).scalars()}
    for start in sorted(past | {_later(datetime.now(UTC), ahead) for ahead in range(_AHEAD + 1)}):
        first, last = (_bound(table, one) for one in (start, _later(start, 1)))
        name, like = f"{table}_{start:%Y_%m}", "INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES"
        connection.exec_driver_sql(f"CREATE TABLE {name} (LIKE {_new(table)} {like})")
        attached = f"ATTACH PARTITION {name} FOR VALUES FROM ({first}) TO ({last})"
        connection.exec_driver_sql(f"ALTER TABLE {_new(table)} {attached}")


def _copy(connection: sa.Connection, table: str, after: int, upto: int | None = None) -> int:
    """Copy the rows behind a number: a batch of those up to another, or all; the last number copied."""
    some = "" if upto is None else f" AND seq <= {upto} ORDER BY seq LIMIT {_BATCH[table]}"
    connection.exec_driver_sql(f"INSERT INTO {_new(table)} SELECT * FROM {table} WHERE seq > {after}{some}")
    return _last(connection, _new(table))


def _last(connection: sa.Connection, table: str) -> int:
    found: int = connection.exec_driver_sql(f"SELECT coalesce(max(seq), 0) FROM {table}").scalar_one()
    return found


def _lock(connection: sa.Connection, tables: str, mode: str) -> None:
    """Lock tables, all or none, tried again and again: whoever waits for long holds up everybody who comes after."""
    for turn in range(_TRIES):
        try:
            with connection.begin_nested():
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_WAIT}'")
                connection.exec_driver_sql(f"LOCK TABLE {tables} IN {mode} MODE")
                connection.exec_driver_sql("SET LOCAL lock_timeout TO DEFAULT")
            return
        except OperationalError:
            if turn == _TRIES - 1:
                raise
            time.sleep(_PAUSE)


def _new(name: str) -> str:
    return f"{name}_to_be"


def _later(moment: datetime, months: int) -> datetime:
    years, month = divmod(moment.month - 1 + months, 12)
    return datetime(moment.year + years, month + 1, 1, tzinfo=UTC)


def _bound(table: str, moment: datetime) -> Any:
    return int(moment.timestamp() * 1000) if table == "prediction_blocks" else f"'{moment:%Y-%m-%d}'"
