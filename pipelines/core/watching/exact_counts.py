"""Exact counts over any number of rows, taken piece by piece: what is missing, unseen, out of range, broken.

The same verdicts on cells as `core/contract_rows.py` gives, without a look at each cell where the cells of a piece
are all of the types that nearly every column has.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from pipelines.core.contract_rows import check_column
from pipelines.core.schema import Column, Contract
from pipelines.core.watching.view import ColumnCounts

Cells = Sequence[Any] | np.ndarray
_TEXTS = frozenset({str, type(None)})
_NUMBERS = frozenset({float, int, type(None)})


class ExactCounts:
    """The counts of a contract's features and of history features, over all rows added so far.

    >>> contract = Contract(problem="x", task="regression", target="y",
    ...     columns=(Column(name="a", kind="numeric", low=0, high=1, maximum=9),))
    >>> counts = ExactCounts(contract, ["rate"])
    >>> counts.add(3, {"a": [0.5, 7, None]}, {"rate": np.array([1.0, 2.0, np.nan])})
    >>> counts.add(2, {"a": np.array([10.0, 1.0])}, None)
    >>> counts.columns[0]
    ColumnCounts(name='a', missing=2, unseen=0, outside=1, broken=1)
    >>> counts.rows, counts.columns[1].missing
    (5, 3)
    """

    def __init__(self, contract: Contract, history: Sequence[str] = ()) -> None:
        self.rows = 0
        self._features = [_Tally(one) for one in contract.features if one.kind != "ignored"]
        self._history = [_Tally(Column(name=name, kind="numeric")) for name in history]

    def add(self, rows: int, inputs: Mapping[str, Cells], history: Mapping[str, Cells] | None) -> None:
        """So many rows more, by columns; one that is not there is missing in all of them."""
        self.rows += rows
        for tally in self._features:
            tally.add(rows, inputs.get(tally.column.name))
        for tally in self._history:
            tally.add(rows, None if history is None else history.get(tally.column.name))

    @property
    def columns(self) -> list[ColumnCounts]:
        """What was counted, features first."""
        return [one.counts() for one in (*self._features, *self._history)]


class _Tally:
    """The counts of one column."""

    def __init__(self, column: Column) -> None:
        self.column = column
        self._seen = None if column.kind != "categorical" or column.seen is None else frozenset(column.seen)
        self._missing = self._unseen = self._outside = self._broken = 0

    def counts(self) -> ColumnCounts:
        return ColumnCounts(self.column.name, self._missing, self._unseen, self._outside, self._broken)

    def add(self, rows: int, cells: Cells | None) -> None:
        if cells is None:
            self._missing += rows
            self._broken += rows if self.column.required else 0
            return
        if self.column.kind in ("categorical", "text"):
            texts = _distinct_texts(cells)
            if texts is None:
                self._add_any(cells)
            elif self._notable(texts):  # else there is nothing to count
                self._add_texts(cells)
        elif self.column.kind != "numeric" or not _all_numbers(cells) or not self._add_numbers(cells):
            self._add_any(cells)

    def _notable(self, texts: frozenset[str | None]) -> bool:
        """Whether any of these is missing, not allowed or never seen."""
        column = self.column
        if None in texts or (column.allowed is not None and not texts <= column.allowed):
            return True
        return self._seen is not None and not texts <= self._seen

    def _add_texts(self, cells: Cells) -> None:
        """Each distinct text judged once."""
        for text, count in Counter(cells).items():
            if text is None:
                self._missing += count
                self._broken += count if self.column.required else 0
            elif self.column.allowed is not None and text not in self.column.allowed:
                self._missing += count
                self._broken += count
            elif self._seen is not None and text not in self._seen:
                self._unseen += count

    def _add_numbers(self, cells: Cells) -> bool:
        """False where a whole number is too large for a float."""
        try:
            numbers = np.asarray(cells, dtype=np.float64)
        except OverflowError:
            return False
        column = self.column
        missing = np.isnan(numbers)
        wrong = np.isinf(numbers)
        if column.minimum is not None:
            wrong |= numbers < column.minimum
        if column.maximum is not None:
            wrong |= numbers > column.maximum
        if column.required:
            wrong |= missing
        self._note_numbers(numbers, missing | wrong, wrong)
        return True

    def _add_any(self, cells: Cells) -> None:
        """By the contract's own reading."""
        series = pd.Series(cells) if isinstance(cells, np.ndarray) else pd.Series(list(cells), dtype=object)
        typed, wrong = check_column(self.column, series)
        if self.column.kind == "numeric":
            self._note_numbers(typed, np.isnan(typed), wrong)
            return
        missing = pd.isna(typed)
        self._missing += int(missing.sum())
        self._broken += int(wrong.sum())
        if self._seen is not None:
            self._unseen += sum(text not in self._seen for text in typed[~missing])

    def _note_numbers(self, numbers: np.ndarray, missing: np.ndarray, wrong: np.ndarray) -> None:
        low, high = self.column.low, self.column.high
        self._missing += int(missing.sum())
        self._broken += int(wrong.sum())
        if low is not None and high is not None:
            self._outside += int((~missing & ((numbers < low) | (numbers > high))).sum())


def _distinct_texts(cells: Cells) -> frozenset[str | None] | None:
    """The distinct cells, where all are texts or missing; None otherwise."""
    try:
        distinct = frozenset(cells)
    except TypeError:  # a list or an object: no text
        return None
    return distinct if frozenset(map(type, distinct)) <= _TEXTS else None


def _all_numbers(cells: Cells) -> bool:
    if isinstance(cells, np.ndarray):
        return cells.dtype == np.float64
    return frozenset(map(type, cells)) <= _NUMBERS
