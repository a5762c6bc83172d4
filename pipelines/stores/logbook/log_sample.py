"""A sample of rows that only their ids decide on: those with the smallest hashes, whatever order they come in."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pipelines.stores.logbook.prediction_ids import PredictionIds

Cells = list[Any] | np.ndarray
_MOST = np.uint64(2**64 - 1)
_MANY, _SPARE = 8, 2  # from so many times its size on rows are passed over, but for so many times as many as it needs
_SLACK = 1.5  # times the sample's size may be held before the surplus goes


def hash_raw(raw: bytes) -> np.ndarray:
    """(n,) uint64 hashes of ids given as 16 bytes each: SplitMix64 (Steele, Lea & Flood 2014) of their random half.

    >>> len(hash_raw(bytes(32)))
    2
    """
    mixed = np.frombuffer(raw, dtype=">u8")[1::2].astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def hash_texts(ids: Iterable[str]) -> np.ndarray:
    """(n,) uint64 hashes of ids that may be anything: also numbers in a row."""
    found = b"".join(hashlib.blake2b(one.encode(), digest_size=8).digest() for one in ids)
    return np.frombuffer(found, dtype=">u8").astype(np.uint64)


@dataclass(frozen=True)
class Taken:
    """Rows of the log by columns; `inputs` and `history` are cells by name, `scores` (n,) or (n, classes)."""

    keys: np.ndarray
    ids: list[str | bytes]
    """As texts, or as the 16 bytes that they are written from."""
    versions: np.ndarray
    moments: np.ndarray
    scores: np.ndarray
    inputs: Mapping[str, Cells]
    history: Mapping[str, Cells]

    def rows(self, places: np.ndarray) -> Taken:
        """Those at some places."""
        return Taken(
            self.keys[places],
            [self.ids[place] for place in places.tolist()],
            self.versions[places],
            self.moments[places],
            self.scores[places],
            {name: take_cells(cells, places) for name, cells in self.inputs.items()},
            {name: take_cells(cells, places) for name, cells in self.history.items()},
        )


class Sample:
    """The `size` rows with the smallest hashes of all that were added.

    `expected`: how many rows there will be, about. Of many, most are then passed over from the start, not only once so
    many with smaller hashes have come; the sample is the same, or not `complete` where far fewer came.
    """

    def __init__(self, size: int, expected: int = 0) -> None:
        self._size = size
        self._begun_at = _MOST if expected < _MANY * size else np.uint64(int(_MOST) * _SPARE * size // expected)
        self._parts: list[Taken] = []
        self._held = 0
        self.bar = self._begun_at
        """Rows with a larger hash are not in it."""

    @property
    def complete(self) -> bool:
        """Whether nothing was passed over that belongs in it."""
        return self._begun_at == _MOST or self._held >= self._size

    def places(self, keys: np.ndarray) -> np.ndarray:
        """Which of these rows may be in the sample: those to be added."""
        if len(keys) > self._size:
            self.bar = min(self.bar, np.partition(keys, self._size - 1)[self._size - 1])
        return np.flatnonzero(keys <= self.bar)

    def add(self, part: Taken) -> None:
        """Rows more; the surplus goes from time to time, so that memory stays flat."""
        self._parts.append(part)
        self._held += len(part.ids)
        if self._held > _SLACK * self._size:
            self._parts = [self._smallest()]
            self._held = len(self._parts[0].ids)
            self.bar = min(self.bar, self._parts[0].keys.max(initial=np.uint64(0)))

    def rows(self) -> Taken | None:
        """The sample by moment, then id; None where nothing was added."""
        if not self._held:
            return None
        found = self._smallest()
        written = replace(found, ids=list(_written(found.ids)))
        return written.rows(np.lexsort((np.array(written.ids, dtype=str), written.moments)))

    def _smallest(self) -> Taken:
        whole = _joined(self._parts)
        if len(whole.ids) <= self._size:
            return whole
        return whole.rows(np.sort(np.argpartition(whole.keys, self._size)[: self._size]))


def _written(ids: Sequence[str | bytes]) -> Iterator[str]:
    """The ids as texts."""
    raw = [one for one in ids if isinstance(one, bytes)]
    texts = iter(PredictionIds(b"".join(raw)).texts)
    return (next(texts) if isinstance(one, bytes) else one for one in ids)


def take_cells(cells: Cells, places: np.ndarray) -> Cells:
    """The cells at some places."""
    return cells[places] if isinstance(cells, np.ndarray) else [cells[place] for place in places.tolist()]


def join_cells(parts: Sequence[tuple[Cells | None, int]]) -> Cells:
    """One column from its pieces, each with its number of rows; a piece that lacks the column is None.

    >>> join_cells([([1, 2], 2), (None, 1), (np.array([0.5]), 1)])
    [1, 2, None, 0.5]
    """
    arrays = [cells for cells, _ in parts if isinstance(cells, np.ndarray)]
    if len(arrays) == len(parts) and len({one.dtype for one in arrays}) == 1:
        return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
    found: list[Any] = []
    for cells, rows in parts:
        found.extend([None] * rows if cells is None else cells.tolist() if isinstance(cells, np.ndarray) else cells)
    return found


def join_columns(parts: Sequence[tuple[Mapping[str, Cells], int]]) -> dict[str, Cells]:
    """Columns from pieces that need not have the same ones."""
    names = dict.fromkeys(name for columns, _ in parts for name in columns)
    return {name: join_cells([(columns.get(name), rows) for columns, rows in parts]) for name in names}


def _joined(parts: Sequence[Taken]) -> Taken:
    if len(parts) == 1:
        return parts[0]
    return Taken(
        np.concatenate([one.keys for one in parts]),
        [name for one in parts for name in one.ids],
        np.concatenate([one.versions for one in parts]),
        np.concatenate([one.moments for one in parts]),
        np.concatenate([one.scores for one in parts]),
        join_columns([(one.inputs, len(one.ids)) for one in parts]),
        join_columns([(one.history, len(one.ids)) for one in parts]),
    )
