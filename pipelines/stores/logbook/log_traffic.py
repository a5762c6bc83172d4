"""How much was answered when: rows of the prediction log by hour or day and by release."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
import sqlalchemy as sa

from pipelines.stores.logbook.archive import archive_of
from pipelines.stores.logbook.kept_blocks import block_spans, blocks_between
from pipelines.stores.logbook.logged_again import logged_again
from pipelines.stores.sql.log_tables import PREDICTIONS

Traffic = dict[datetime, dict[int, int]]
"""Rows by the start of their stretch of time (UTC, no zone) and by release."""
_MOST = 2_000  # blocks that are opened; of further ones all rows count where the block begins


def count_traffic(connection: sa.Connection, problem: str, start: datetime, end: datetime, step: timedelta) -> Traffic:
    """Rows whose moment lies in [start, end) (UTC, no zone), by stretches of `step` from `start` on; empty ones are
    left out.
    """
    count = _Count(problem, start, end, step)
    count.add_rows(connection)
    count.add_sealed(connection)
    if count.add_whole_blocks(connection):
        count.open_blocks(connection)
    found: Traffic = {}
    for (place, version), rows in sorted(count.rows.items()):
        found.setdefault(start + place * step, {})[version] = rows
    return found


@dataclass(frozen=True)
class _Count:
    """Rows in [start, end) by the number of their stretch and by release, as they are come by."""

    problem: str
    start: datetime
    end: datetime
    step: timedelta
    rows: Counter[tuple[int, int]] = field(default_factory=Counter)

    def add_rows(self, connection: sa.Connection) -> None:
        """Count what stands in rows."""
        again = logged_again(connection, self.problem, (self.start, self.end))
        columns = [PREDICTIONS.c.moment, PREDICTIONS.c.version, *([PREDICTIONS.c.id] if again else [])]
        query = sa.select(*columns).where(PREDICTIONS.c.problem == self.problem)
        query = query.where(PREDICTIONS.c.moment >= self.start, PREDICTIONS.c.moment < self.end)
        for moment, version, *name in connection.execute(query, execution_options={"yield_per": 5_000}):
            if again.isdisjoint(name):
                self.rows[(moment - self.start) // self.step, version] += 1

    def add_sealed(self, connection: sa.Connection) -> None:
        """Count what stands in sealed segments."""
        archive = archive_of(connection)
        if archive is None:
            return
        names = ("moment", "version")
        for part in archive.columns_between(connection, self.problem, names, self.start, self.end):
            for moment, version in zip(part["moment"], part["version"], strict=True):
                self.rows[(moment - self.start) // self.step, version] += 1

    def add_whole_blocks(self, connection: sa.Connection) -> bool:
        """Count the blocks that lie in one stretch; whether there are others, few enough to be opened."""
        wide: Counter[tuple[int, int]] = Counter()
        others = 0
        for version, rows, first, last in block_spans(connection, self.problem, self.start, self.end):
            place = (first - self.start) // self.step
            if self._is_whole(first, last):
                self.rows[place, version] += rows
            else:
                others += 1
                wide[max(place, 0), version] += rows
        if others > _MOST:
            self.rows.update(wide)
        return 0 < others <= _MOST

    def open_blocks(self, connection: sa.Connection) -> None:
        """Count the rows of the blocks that reach over more than one stretch."""
        unit = np.timedelta64(self.step // timedelta(microseconds=1), "us")
        last = int((self.end - self.start) / self.step)
        for block in blocks_between(connection, self.problem, self.start, self.end):
            if block.span is not None and self._is_whole(*block.span):
                continue  # it was counted
            places = (block.moment - np.datetime64(self.start, "us")) // unit
            inside = places[(places >= 0) & (places < last)]
            for place, rows in zip(*np.unique(inside, return_counts=True), strict=True):
                self.rows[int(place), block.version] += int(rows)

    def _is_whole(self, first: datetime, last: datetime) -> bool:
        """Whether a block from `first` to `last` lies in one stretch."""
        one = (first - self.start) // self.step == (last - self.start) // self.step
        return one and self.start <= first and last < self.end
