"""Views of the prediction log: exact counts over all rows of a stretch, and a sample of them with their labels.

One pass over the stretch, a few thousand rows at a time: memory stays flat however many there are. Only the rows of
the sample are decoded to a frame, and only their labels are looked up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
import sqlalchemy as sa

from pipelines.core.contract import Contract
from pipelines.core.contract_rows import check_column
from pipelines.core.observation import Answered, encode_labels
from pipelines.core.watching.exact_counts import ExactCounts
from pipelines.core.watching.view import ColumnCounts, View
from pipelines.stores.logbook.archive import archive_of
from pipelines.stores.logbook.kept_blocks import count_near
from pipelines.stores.logbook.log_entries import as_utc
from pipelines.stores.logbook.log_labels import newest_labels
from pipelines.stores.logbook.log_pieces import pieces_between
from pipelines.stores.logbook.log_sample import Cells, Sample, Taken
from pipelines.stores.sql.ledger_tables import as_utc as zoned


@dataclass(frozen=True)
class AnsweredView:
    """A stretch as it was answered, without labels: it changes only where answers are added to it.

    `sample`: the rows by moment, then id, without labels; `ids` and `versions` are theirs.
    """

    rows: int
    versions: dict[int, int]
    counts: list[ColumnCounts]
    ids: list[str]
    sample_versions: np.ndarray
    sample: Answered


def read_answered(
    connection: sa.Connection,
    problem: str,
    contract: Contract,
    history: Sequence[str],
    start: datetime,
    end: datetime,
    size: int,
) -> AnsweredView:
    """The answers whose moment lies in [start, end) (UTC, no zone), as the contract reads them."""
    expected = count_near(connection, problem, start, end)
    counts, versions, sample = _pass_over(connection, problem, contract, history, start, end, Sample(size, expected))
    if not sample.complete:  # most of what the blocks hold lies outside
        counts, versions, sample = _pass_over(connection, problem, contract, history, start, end, Sample(size))
    taken = sample.rows() or _nothing(contract)
    return AnsweredView(
        counts.rows,
        dict(sorted(versions.items())),
        counts.columns,
        [str(name) for name in taken.ids],
        taken.versions,
        _answered(contract, history, taken),
    )


def _pass_over(
    connection: sa.Connection,
    problem: str,
    contract: Contract,
    history: Sequence[str],
    start: datetime,
    end: datetime,
    sample: Sample,
) -> tuple[ExactCounts, dict[int, int], Sample]:
    """The exact counts, the rows of each version, and the sample filled."""
    counts = ExactCounts(contract, history)
    versions: dict[int, int] = {}
    for piece in pieces_between(connection, problem, start, end, contract.classes):
        counts.add(len(piece), piece.inputs, piece.history)
        for version, rows in piece.versions.items():
            versions[version] = versions.get(version, 0) + rows
        places = sample.places(piece.keys)
        if len(places):
            sample.add(piece.take(places))
    return counts, versions, sample


def labelled_view(
    connection: sa.Connection,
    contract: Contract,
    answered: AnsweredView,
    start: datetime,
    end: datetime,
    as_of: datetime,
) -> View:
    """The view with the labels known at `as_of`."""
    archive = archive_of(connection)
    where = (connection, contract.problem, as_utc(start), as_utc(end))
    sealed = archive.labels_between(*where) if archive is not None else ()
    labels = newest_labels(connection, answered.ids, as_utc(as_of), sealed)
    found = pd.Series([labels.get(name, (None, None))[0] for name in answered.ids], dtype=object)
    sample = answered.sample
    return View(
        start=zoned(start),
        end=zoned(end),
        as_of=zoned(as_of),
        rows=answered.rows,
        versions=answered.versions,
        counts=answered.counts,
        sample=Answered(sample.frame, sample.moments, sample.scores, encode_labels(contract, found), sample.broken),
        sample_versions=answered.sample_versions,
    )


def _answered(contract: Contract, history: Sequence[str], taken: Taken) -> Answered:
    """The rows as the contract types them; what breaks it is missing."""
    rows = len(taken.ids)
    typed: dict[str, np.ndarray] = {}
    broken: dict[str, float] = {}
    for column in contract.columns:
        typed[column.name], wrong = check_column(column, _series(taken.inputs.get(column.name), rows))
        if wrong.any():
            broken[column.name] = float(wrong.mean())
    for name in history:
        numbers = pd.to_numeric(_series(taken.history.get(name), rows), errors="coerce")
        typed[name] = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
    return Answered(
        pd.DataFrame(typed, index=range(rows), copy=False),
        taken.moments,
        taken.scores,
        np.full(rows, np.nan),
        broken,
    )


def _series(cells: Cells | None, rows: int) -> pd.Series:
    """A column as `check` expects it: None where nobody gave it."""
    if cells is None:
        return pd.Series([None] * rows, dtype=object)
    if isinstance(cells, np.ndarray):
        return pd.Series(cells)
    return pd.Series(cells).infer_objects() if _plain(cells) else pd.Series(cells, dtype=object)


def _plain(cells: list[object]) -> bool:
    """Whether all of them are numbers, so that they may be read at once."""
    return set(map(type, cells)) <= {int, float, type(None)}


def _nothing(contract: Contract) -> Taken:
    scores = np.empty(0) if contract.classes is None else np.empty((0, len(contract.classes)))
    empty = np.empty(0, dtype=np.uint64)
    return Taken(empty, [], np.empty(0, dtype=np.int64), np.empty(0, dtype="M8[us]"), scores, {}, {})
