"""Labels that came for answers after these were sealed: batch by batch, to be sealed too.

They wait in the database until the month in which they were received is over and old, as answers do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from pipelines.stores.logbook.archive import Archive
from pipelines.stores.logbook.label_files import LateLabel
from pipelines.stores.logbook.sealed_batches import ROWS, Batch
from pipelines.stores.sql.log_tables import LABELS

_READ = 10_000  # labels that are looked at together
_COLUMNS = [LABELS.c[name] for name in ("seq", "prediction_id", "label", "known_at", "received_at")]


@dataclass
class LateBatch:
    """Late labels of a problem; `bare` are those of their answers that had no sealed label before."""

    problem: str
    rows: list[LateLabel] = field(default_factory=list)
    bare: set[str] = field(default_factory=set)

    def removed(self) -> Batch:
        """What of the database goes once they are sealed."""
        return Batch(self.problem, labels=[(one.seq, one.received_at) for one in self.rows])


def late_batches(
    engine: sa.Engine, archive: Archive, before: datetime, problem: str | None = None
) -> Iterator[LateBatch]:
    """The labels received before a moment (UTC, no zone) whose answers are sealed, of one problem or of all.

    A batch is to be sealed before the next one is asked for.
    """
    held: dict[str, LateBatch] = {}
    after = -1
    while True:
        with engine.connect() as connection:
            found = _next(connection, before, after)
            _sort(connection, archive, found, held)
        if not found:
            break
        after = found[-1].seq
        for name in [one.problem for one in held.values() if len(one.rows) >= ROWS]:
            batch = held.pop(name)
            if problem in (None, name):
                yield batch
    yield from (batch for batch in held.values() if problem in (None, batch.problem))


def _next(connection: sa.Connection, before: datetime, after: int) -> Sequence[Any]:
    """The newest label of all stays in the database: SQLite would give its number again."""
    last = sa.select(sa.func.max(LABELS.c.seq)).scalar_subquery()
    query = sa.select(*_COLUMNS).where(LABELS.c.received_at < before, LABELS.c.seq > after, LABELS.c.seq != last)
    return connection.execute(query.order_by(LABELS.c.seq).limit(_READ)).all()


def _sort(connection: sa.Connection, archive: Archive, found: Sequence[Any], held: dict[str, LateBatch]) -> None:
    """Put those whose answers are sealed to their problem's."""
    sealed = archive.find(connection, list({one.prediction_id for one in found}))
    for seq, name, label, known_at, received_at in found:
        row = sealed.get(name)
        if row is None:
            continue
        batch = held.setdefault(row.problem, LateBatch(row.problem))
        batch.rows.append(LateLabel(name, row.problem, row.moment, seq, label, known_at, received_at))
        if not row.labels:
            batch.bare.add(name)
