"""How much was answered when: rows of the prediction log by hour or day and by release."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

import numpy as np
import sqlalchemy as sa

from pipelines.stores.database import create_missing, open_database
from pipelines.stores.logbook.kept_blocks import blocks_between, last_moment
from pipelines.stores.logbook.log_entries import as_utc
from pipelines.stores.logbook.log_tables import BLOCKS, METADATA, PREDICTIONS, translated

Traffic = dict[datetime, dict[int, int]]
"""Rows by the start of their stretch of time (UTC, no zone) and by release."""
_MOST = 2_000  # blocks that are opened; of further ones all rows count where the block begins


class LogTraffic:
    """Counts in the log at `url`; nothing is changed. Every method raises Unavailable when the database is away."""

    def __init__(self, url: str) -> None:
        self._engine: sa.Engine = open_database(url)
        with translated():
            create_missing(self._engine, METADATA)

    def close(self) -> None:
        """Give the database's connections back."""
        self._engine.dispose()

    def last_moment(self, problem: str) -> datetime | None:
        """The newest moment that an answer speaks of (UTC, no zone)."""
        query = sa.select(sa.func.max(PREDICTIONS.c.moment)).where(PREDICTIONS.c.problem == problem)
        with translated(), self._engine.connect() as connection:
            found = [connection.execute(query).scalar_one(), last_moment(connection, problem)]
        return max((one for one in found if one is not None), default=None)

    def between(self, problem: str, start: datetime, end: datetime, step: timedelta) -> Traffic:
        """Rows whose moment lies in [start, end), by stretches of `step` from `start` on; empty ones are left out."""
        start, end = as_utc(start), as_utc(end)
        counted: Counter[tuple[int, int]] = Counter()
        with translated(), self._engine.connect() as connection:
            self._count_rows(connection, problem, start, end, step, counted)
            within = self._count_whole_blocks(connection, problem, start, end, step, counted)
            if within:
                _open_blocks(connection, problem, start, end, step, counted)
        found: Traffic = {}
        for (place, version), rows in sorted(counted.items()):
            found.setdefault(start + place * step, {})[version] = rows
        return found

    def _count_rows(
        self,
        connection: sa.Connection,
        problem: str,
        start: datetime,
        end: datetime,
        step: timedelta,
        counted: Counter[tuple[int, int]],
    ) -> None:
        query = sa.select(PREDICTIONS.c.moment, PREDICTIONS.c.version).where(PREDICTIONS.c.problem == problem)
        query = query.where(PREDICTIONS.c.moment >= start, PREDICTIONS.c.moment < end)
        for moment, version in connection.execute(query, execution_options={"yield_per": 5_000}):
            counted[(moment - start) // step, version] += 1

    def _count_whole_blocks(
        self,
        connection: sa.Connection,
        problem: str,
        start: datetime,
        end: datetime,
        step: timedelta,
        counted: Counter[tuple[int, int]],
    ) -> bool:
        """Count the blocks that lie in one stretch; whether there are others, few enough to be opened."""
        columns = [BLOCKS.c[name] for name in ("version", "rows", "first_moment", "last_moment")]
        query = sa.select(*columns).where(BLOCKS.c.problem == problem)
        query = query.where(BLOCKS.c.first_moment < end, BLOCKS.c.last_moment >= start)
        wide: Counter[tuple[int, int]] = Counter()
        others = 0
        for version, rows, first, last in connection.execute(query, execution_options={"yield_per": 5_000}):
            place = (first - start) // step
            if place == (last - start) // step and first >= start and last < end:
                counted[place, version] += rows
            else:
                others += 1
                wide[max(place, 0), version] += rows
        if others > _MOST:
            counted.update(wide)
        return 0 < others <= _MOST


def _open_blocks(
    connection: sa.Connection,
    problem: str,
    start: datetime,
    end: datetime,
    step: timedelta,
    counted: Counter[tuple[int, int]],
) -> None:
    """Count the rows of the blocks that reach over more than one stretch."""
    unit = np.timedelta64(step // timedelta(microseconds=1), "us")
    last = int((end - start) / step)
    for block in blocks_between(connection, problem, start, end):
        places = (block.moment - np.datetime64(start, "us")) // unit
        if len(places) and places.min() == places.max() and 0 <= places[0] < last:
            continue  # it was counted as a whole
        inside = places[(places >= 0) & (places < last)]
        for place, rows in zip(*np.unique(inside, return_counts=True), strict=True):
            counted[int(place), block.version] += int(rows)
