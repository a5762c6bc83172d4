"""The encoders of a compiled model: from a few source columns to numbers, exactly as the fitted transformers do.

Each is made from its part of the plan (`core.compiling` writes it) and computes with NumPy alone. Columns come as
lists or arrays: of floats, of texts and None, of datetime64.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from pipelines.core.coded import Coded
from pipelines.core.compilation.words import WordHasher
from pipelines.core.datetime_parts import datetime_parts

HUGE = 1e30
"""Numbers are clipped to it, as `core.transformers` does: float32, which trees compute in, ends at 3e38."""

Columns = Mapping[str, Any]


class Block(Protocol):
    """Numbers of a few source columns; `owners` says which source each of the `width` numbers belongs to."""

    columns: tuple[str, ...]
    width: int
    owners: tuple[str, ...]

    def encode(self, columns: Columns, rows: int) -> np.ndarray:
        """Float64 (rows, width)."""
        ...

    def folded(self, columns: Columns, rows: int, weights: np.ndarray) -> np.ndarray:
        """What the numbers add to a linear model's sums, by source: float64 (sources, rows, k); weights (width, k)."""
        ...


class Numbers:
    """Numeric columns, or the parts of datetime columns: as they are, or imputed, clipped and scaled."""

    def __init__(self, part: Mapping[str, Any]) -> None:
        self.columns: tuple[str, ...] = tuple(part["columns"])
        self._dates: bool | None = part.get("cyclic")
        made = 1 if self._dates is None else 9 if self._dates else 5
        owners = [name for name in self.columns for _ in range(made)]
        self._scaled = "mean" in part
        if self._scaled:
            self._fill, self._low, self._high, self._mean, self._scale = (
                _vector(part[name], len(owners)) for name in ("fill", "low", "high", "mean", "scale")
            )
            self._flagged = np.array(part["flagged"], dtype=np.int64)
            owners += [owners[place] for place in part["flagged"]]
        else:
            self._empty = np.array(part["empty"], dtype=np.int64)
            if len(self._empty) and not 0 <= self._empty.min() <= self._empty.max() < len(owners):
                raise ValueError("a column is marked that is not there")
        self.owners: tuple[str, ...] = tuple(owners)
        self.width = len(owners)

    @property
    def plain(self) -> bool:
        """Whether the columns go through as they are, but for the clipping."""
        return self._dates is None and not self._scaled and not len(self._empty)

    def encode(self, columns: Columns, rows: int) -> np.ndarray:
        """Float64 (rows, width)."""
        if self._dates is None:
            table = np.array([columns[name] for name in self.columns], dtype=np.float64).T
        else:
            parts = [datetime_parts(_moments(columns[name]), self._dates) for name in self.columns]
            table = np.hstack(parts)
        table = np.minimum(np.maximum(table, -HUGE), HUGE)
        if not self._scaled:
            if len(self._empty):
                table[:, self._empty] = 0.0
            return table
        missing = np.isnan(table)
        table = np.where(missing, self._fill, table)
        table = (np.minimum(np.maximum(table, self._low), self._high) - self._mean) / self._scale
        return np.hstack([table, missing[:, self._flagged]]) if len(self._flagged) else table

    def folded(self, columns: Columns, rows: int, weights: np.ndarray) -> np.ndarray:
        """As `Block` says."""
        table = self.encode(columns, rows)
        out = np.zeros((len(self.columns), rows, weights.shape[1]))
        place = {name: position for position, name in enumerate(self.columns)}
        for number, owner in enumerate(self.owners):
            out[place[owner]] += table[:, number, None] * weights[number]
        return out


class Categories:
    """One categorical column: a table gives the numbers of each category, of a missing and of an unknown one."""

    def __init__(self, part: Mapping[str, Any]) -> None:
        self.columns: tuple[str, ...] = (part["column"],)
        self.table = np.array([*part["values"], part["missing"], part["unknown"]], dtype=np.float64)
        if self.table.ndim != 2 or len(self.table) != len(part["categories"]) + 2:
            raise ValueError(f"column {part['column']!r}: there are not as many values as categories")
        self.width = self.table.shape[1]
        self.owners: tuple[str, ...] = self.columns * self.width
        known = {str(category): code for code, category in enumerate(part["categories"])}
        missing = len(part["categories"])
        self._codes: dict[Any, int] = {**known, None: missing, np.nan: missing}
        self._unknown = missing + 1
        self.rows: dict[Any, list[float]] = {value: self.table[code].tolist() for value, code in self._codes.items()}
        self.unknown: list[float] = self.table[-1].tolist()

    def codes(self, columns: Columns) -> Sequence[int] | np.ndarray:
        """The place of each row's category in `table`."""
        values = columns[self.columns[0]]
        get, unknown = self._codes.get, self._unknown
        if isinstance(values, Coded):
            return np.array([get(text, unknown) for text in values.distinct], dtype=np.int64)[values.codes]
        return [get(value, unknown) for value in (values.tolist() if isinstance(values, np.ndarray) else values)]

    def encode(self, columns: Columns, rows: int) -> np.ndarray:
        """Float64 (rows, width)."""
        return self.table[self.codes(columns)]

    def folded(self, columns: Columns, rows: int, weights: np.ndarray) -> np.ndarray:
        """As `Block` says."""
        return (self.table @ weights)[self.codes(columns)][None]


class Words:
    """One text column: weighted words, by a table of what each adds to the topics, if there are any."""

    def __init__(self, part: Mapping[str, Any]) -> None:
        self.columns: tuple[str, ...] = (part["column"],)
        self._hasher = WordHasher(int(part["size"]), part["used"])
        self._rarity = _vector(part["rarity"], len(part["used"]))
        self._topics = None if part["topics"] is None else np.array(part["topics"], dtype=np.float64)
        if self._topics is not None and self._topics.shape[1:] != self._rarity.shape:
            raise ValueError(f"column {part['column']!r}: the topics do not fit the words")
        self.width = len(part["used"]) if self._topics is None else len(self._topics)
        self.owners: tuple[str, ...] = self.columns * self.width

    def encode(self, columns: Columns, rows: int) -> np.ndarray:
        """Float64 (rows, width)."""
        out = np.zeros((rows, self.width))
        for position, (places, weights) in enumerate(self._weighted(columns)):
            if self._topics is None:
                out[position, places] = weights
            elif len(places):
                out[position] = self._topics[:, places] @ weights
        return out

    def folded(self, columns: Columns, rows: int, weights: np.ndarray) -> np.ndarray:
        """As `Block` says."""
        out = np.zeros((1, rows, weights.shape[1]))
        for position, (places, heavy) in enumerate(self._weighted(columns)):
            if len(places):
                out[0, position] = heavy @ weights[places]
        return out

    def _weighted(self, columns: Columns) -> list[tuple[np.ndarray, np.ndarray]]:
        """Per row the places of its words, rising, and their tf-idf."""
        found = []
        for text in columns[self.columns[0]]:
            places, counts = self._hasher.count(text if isinstance(text, str) else "")
            weights = (1 + np.log(counts)) * self._rarity[places]
            norm = np.sqrt((weights * weights).sum())
            found.append((places, weights / norm if norm > 0 else weights))
        return found


_KINDS: dict[str, type[Numbers] | type[Categories] | type[Words]] = {
    "numbers": Numbers,
    "categories": Categories,
    "words": Words,
}


def make_blocks(parts: Sequence[Mapping[str, Any]]) -> list[Numbers | Categories | Words]:
    """The encoders of a plan; KeyError, TypeError or ValueError where a part does not fit."""
    return [_KINDS[part["kind"]](part) for part in parts]


def _vector(values: Sequence[float], size: int) -> np.ndarray:
    vector = np.array(values, dtype=np.float64)
    if vector.shape != (size,):
        raise ValueError(f"{size} numbers are due, there are {vector.size}")
    return vector


def _moments(values: Any) -> np.ndarray:
    return values.astype("M8[us]") if isinstance(values, np.ndarray) else np.array(values, dtype="M8[us]")
