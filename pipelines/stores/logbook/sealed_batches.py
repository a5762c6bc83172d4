"""What is to be sealed, batch by batch: old answers with the labels that have come for them, and their removal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from pipelines.stores.logbook.archive import Archive
from pipelines.stores.logbook.kept_blocks import in_chunks, read_blocks
from pipelines.stores.logbook.log_blocks import REACHES, KeptBlock
from pipelines.stores.logbook.log_entries import write_cell
from pipelines.stores.logbook.segment_files import SealedLabel, SealedRow
from pipelines.stores.sql.log_tables import BLOCKS, LABELS, PREDICTIONS

ROWS = 50_000
"""Rows of a batch, about: a larger block is a batch by itself."""


@dataclass
class Batch:
    """Answers of a problem, and which records of the database they are: all of them, or none, are removed."""

    problem: str
    rows: list[SealedRow] = field(default_factory=list)
    blocks: list[int] = field(default_factory=list)
    made: list[int] = field(default_factory=list)
    """Of the blocks, what they are partitioned by."""
    singles: list[str] = field(default_factory=list)
    labels: list[tuple[int, datetime]] = field(default_factory=list)
    """Their numbers, and when they were received."""


def problems_before(connection: sa.Connection, moments: datetime, answers: datetime) -> list[str]:
    """The problems that have anything to be sealed: of moments and answers before these (UTC, no zone)."""
    blocks = sa.select(BLOCKS.c.problem).where(_old_blocks(moments, answers)).distinct()
    singles = sa.select(PREDICTIONS.c.problem).where(_old_singles(moments, answers)).distinct()
    return sorted({*connection.execute(blocks).scalars(), *connection.execute(singles).scalars()})


def batches(engine: sa.Engine, archive: Archive, problem: str, moments: datetime, answers: datetime) -> Iterator[Batch]:
    """All that is to be sealed of a problem, oldest first; a batch is read when it is asked for."""
    ours = (BLOCKS.c.problem == problem) & BLOCKS.c.reach.in_(REACHES) & _old_blocks(moments, answers)
    columns = [BLOCKS.c.seq, BLOCKS.c.made, BLOCKS.c.rows]
    for listed in _by_month(engine, ours, BLOCKS.c.first_moment, columns):
        chunk: list[Any] = []
        for one in [*listed, None]:
            if chunk and (one is None or sum(it.rows for it in chunk) + one.rows > ROWS):
                with engine.connect() as connection:
                    yield _of_blocks(connection, problem, chunk)
                chunk = []
            if one is not None:
                chunk.append(one)
    ours = (PREDICTIONS.c.problem == problem) & _old_singles(moments, answers)
    for listed in _by_month(engine, ours, PREDICTIONS.c.moment, [PREDICTIONS.c.id]):
        for first in range(0, len(listed), ROWS):
            with engine.connect() as connection:
                yield _of_singles(connection, archive, problem, [one.id for one in listed[first : first + ROWS]])


def remove(connection: sa.Connection, batch: Batch) -> bool:
    """Take a batch out of the database; false where a part of it is not there any more: then nothing may be kept of
    this transaction.
    """
    made = BLOCKS.c.made.between(*_ends(batch.made))  # what partitions go by: only those in question are looked at
    received = LABELS.c.received_at.between(*_ends([moment for _, moment in batch.labels]))
    deletions = (
        (BLOCKS, BLOCKS.c.seq, batch.blocks, made),
        (PREDICTIONS, PREDICTIONS.c.id, batch.singles, sa.true()),
        (LABELS, LABELS.c.seq, [seq for seq, _ in batch.labels], received),
    )
    for table, key, values, where in deletions:
        for chunk in in_chunks(values):
            if connection.execute(table.delete().where(key.in_(chunk), where)).rowcount != len(chunk):
                return False
    return True


def _ends(values: Sequence[Any]) -> tuple[Any, Any]:
    return min(values, default=None), max(values, default=None)


def _old_blocks(moments: datetime, answers: datetime) -> sa.ColumnElement[bool]:
    made = int(answers.replace(tzinfo=UTC).timestamp() * 1000)
    return (BLOCKS.c.last_moment < moments) & (BLOCKS.c.made < made)


def _old_singles(moments: datetime, answers: datetime) -> sa.ColumnElement[bool]:
    return (PREDICTIONS.c.moment < moments) & (PREDICTIONS.c.at < answers)


def _by_month(
    engine: sa.Engine, ours: sa.ColumnElement[bool], moment: sa.Column[Any], columns: Sequence[sa.Column[Any]]
) -> Iterator[Sequence[Any]]:
    """The records in question, a month's at a time, by moment."""
    after: sa.ColumnElement[bool] = sa.true()
    while True:
        with engine.connect() as connection:
            first = connection.execute(sa.select(sa.func.min(moment)).where(ours, after)).scalar_one()
            if first is None:
                return
            end = (first.replace(day=1, hour=0, minute=0, second=0, microsecond=0) + timedelta(days=32)).replace(day=1)
            query = sa.select(*columns).where(ours, moment >= first, moment < end)
            listed = connection.execute(query.order_by(moment, columns[0])).all()
        yield listed
        after = moment >= end


def _of_blocks(connection: sa.Connection, problem: str, listed: Sequence[Any]) -> Batch:
    batch = Batch(problem, blocks=[one.seq for one in listed], made=[one.made for one in listed])
    answered: list[tuple[Any, ...]] = []
    for block in read_blocks(connection, batch.blocks):
        answered += _block_rows(block)
    batch.rows = _with_labels(connection, batch, answered)
    return batch


def _of_singles(connection: sa.Connection, archive: Archive, problem: str, ids: Sequence[str]) -> Batch:
    """An id that was sealed before (a batch scoring was run again) is only removed: nothing is kept twice."""
    batch, known = Batch(problem, singles=list(ids)), archive.find(connection, ids)
    names = [name for name in SealedRow._fields if name not in ("in_block", "labels")]
    answered: list[tuple[Any, ...]] = []
    for chunk in in_chunks(one for one in ids if one not in known):
        query = sa.select(*(PREDICTIONS.c[name] for name in names)).where(PREDICTIONS.c.id.in_(chunk))
        answered += [(*row, False) for row in connection.execute(query)]
    batch.rows = _with_labels(connection, batch, answered)
    return batch


def _block_rows(block: KeptBlock) -> Iterator[tuple[Any, ...]]:
    """The rows of a block as a segment has them, without labels."""
    every = range(len(block.ids))
    columns = (
        block.ids.texts,
        *(block.at.tolist(), block.time.tolist(), block.moment.tolist()),
        *(block.inputs(every), block.history(every), block.predictions(every), block.probabilities(every)),
    )
    for name, at, time, moment, inputs, history, prediction, odds in zip(*columns, strict=True):
        yield (
            *(name, block.problem, block.version, block.run_id, at, time, moment),
            *(write_cell(inputs), None if history is None else write_cell(history), write_cell(prediction)),
            *(None if odds is None else write_cell(odds), block.source, True),
        )


def _with_labels(connection: sa.Connection, batch: Batch, answered: Sequence[tuple[Any, ...]]) -> list[SealedRow]:
    """The rows with their labels, which are noted in the batch.

    The newest label of all stays in the database: SQLite would give its number again.
    """
    last = connection.execute(sa.select(sa.func.max(LABELS.c.seq))).scalar_one()
    found: dict[str, list[SealedLabel]] = {}
    columns = [LABELS.c[name] for name in ("prediction_id", *SealedLabel._fields)]
    for chunk in in_chunks(row[0] for row in answered):
        query = sa.select(*columns).where(LABELS.c.prediction_id.in_(chunk), LABELS.c.seq != last)
        for name, *values in connection.execute(query):
            label = SealedLabel(*values)
            found.setdefault(name, []).append(label)
            batch.labels.append((label.seq, label.received_at))
    return [SealedRow._make((*row, found.get(row[0], []))) for row in answered]
