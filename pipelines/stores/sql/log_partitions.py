"""The log's partitions on PostgreSQL: one for each month by the clock, made ahead, and one for all else.

What falls into no month's partition is kept in the one for the rest, so nothing is ever refused; a partition that is
made for its month takes over what the rest holds of it. On SQLite there are none: every function here does nothing.
"""

from __future__ import annotations

import time as clock
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, OperationalError

from pipelines.stores.sql.database import serialise
from pipelines.stores.sql.log_tables import BLOCKS, LABELS

AHEAD = 2
"""Months for which partitions are made before they begin."""
REST = "rest"
_PAUSE = 3_600.0  # seconds between two looks
_KEYS = {BLOCKS.name: BLOCKS.c.made.name, LABELS.name: LABELS.c.received_at.name}


@dataclass(frozen=True)
class Partition:
    """One part of a table: what it holds of [start, end) (UTC); the one for the rest has neither."""

    name: str
    start: datetime | None = None
    end: datetime | None = None


def partitions(connection: sa.Connection, table: str) -> list[Partition]:
    """The partitions of `prediction_blocks` (by when the answers were given) or `labels` (by when they were received),
    oldest first and the one for the rest last; none on SQLite.
    """
    if connection.dialect.name == "sqlite":
        return []
    query = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = to_regclass(:table)"
    names = connection.execute(sa.text(query), {"table": table}).scalars()
    return sorted((_read(name, table) for name in names), key=lambda one: one.start or datetime.max.replace(tzinfo=UTC))


def drop_partition(connection: sa.Connection, name: str) -> None:
    """Remove a partition with all that it holds, in the transaction of `connection`."""
    serialise(connection, "partitions")
    connection.exec_driver_sql(f'DROP TABLE "{name}"')


def make_partitions(connection: sa.Connection, now: datetime, ahead: int = AHEAD) -> list[str]:
    """Make the partitions of this month and the months ahead that are missing; their names."""
    if connection.dialect.name == "sqlite":
        return []
    months = [_month(now, later) for later in range(ahead + 2)]
    made: list[str] = []
    for table in _KEYS:
        there = {one.name for one in partitions(connection, table)}
        wanted = {f"{table}_{start:%Y_%m}": (start, end) for start, end in pairwise(months)}
        missing = [name for name in wanted if name not in there]
        if missing or f"{table}_{REST}" not in there:
            serialise(connection, "partitions")
            there = {one.name for one in partitions(connection, table)}
            if f"{table}_{REST}" not in there:
                connection.exec_driver_sql(f"CREATE TABLE {table}_{REST} PARTITION OF {table} DEFAULT")
            for name in missing:
                if name not in there:
                    _make(connection, table, name, *wanted[name])
                    made.append(name)
    return made


def drop_empty_partitions(engine: sa.Engine, before: datetime) -> list[str]:
    """Remove the months' partitions that end by `before` and hold nothing any more; their names.

    One that is in use just now is left for the next time.
    """
    with engine.connect() as connection:
        over = [(table, one) for table in _KEYS for one in partitions(connection, table)]
    return [one.name for table, one in over if one.end and one.end <= before and _drop_empty(engine, table, one.name)]


def _drop_empty(engine: sa.Engine, table: str, name: str) -> bool:
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql("SET LOCAL lock_timeout = '1s'")
            # First the table, as whoever writes does: nothing more may come into the part, and nobody waits crosswise.
            connection.exec_driver_sql(f"LOCK TABLE ONLY {table} IN ACCESS EXCLUSIVE MODE")
            if connection.exec_driver_sql(f'SELECT 1 FROM "{name}" LIMIT 1').first() is not None:
                return False
            drop_partition(connection, name)
            return True
    except OperationalError:  # somebody reads it
        return False


class MonthsAhead:
    """Makes partitions long before their month begins: whoever appends looks now and then whether one is missing."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._next = 0.0

    def tidy(self) -> None:
        """Look, if it is time; what does not work now is tried at the next look: the rest takes the rows meanwhile."""
        if clock.monotonic() < self._next:
            return
        self._next = clock.monotonic() + _PAUSE
        with suppress(DBAPIError), self._engine.begin() as connection:
            connection.exec_driver_sql("SET LOCAL lock_timeout = '1s'")  # the log's readers and writers come first
            make_partitions(connection, datetime.now(UTC))


def _make(connection: sa.Connection, table: str, name: str, start: datetime, end: datetime) -> None:
    """Attached, not made in place: so the table can be written to meanwhile."""
    key, first, last = _KEYS[table], _bound(table, start), _bound(table, end)
    copied = "INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES"
    for statement in (
        f"CREATE TABLE {name} (LIKE {table} {copied})",
        f"LOCK TABLE {table}_{REST} IN ACCESS EXCLUSIVE MODE",  # nothing of the month may come into it from here on
        f"WITH moved AS (DELETE FROM {table}_{REST} WHERE {key} >= {first} AND {key} < {last} RETURNING *) "
        f"INSERT INTO {name} SELECT * FROM moved",
        f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ({first}) TO ({last})",
    ):
        connection.exec_driver_sql(statement)


def _bound(table: str, moment: datetime) -> Any:
    """A moment as the table's key has it: milliseconds since 1970 of ids, else a moment without a zone."""
    return int(moment.timestamp() * 1000) if table == BLOCKS.name else f"'{moment:%Y-%m-%d}'"


def _read(name: str, table: str) -> Partition:
    name = name.strip('"').rsplit(".", 1)[-1]
    try:
        start = datetime.strptime(name.removeprefix(f"{table}_"), "%Y_%m").replace(tzinfo=UTC)
    except ValueError:
        return Partition(name)
    return Partition(name, start, _month(start, 1))


def _month(moment: datetime, later: int) -> datetime:
    """The beginning of the month that lies so many months later.

    >>> _month(datetime(2024, 11, 5, tzinfo=UTC), 2).date()
    datetime.date(2025, 1, 1)
    """
    years, month = divmod(moment.month - 1 + later, 12)
    return datetime(moment.year + years, month + 1, 1, tzinfo=UTC)
