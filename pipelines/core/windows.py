"""Windows: any aggregate over any stretch of many timelines, for one row or for a million.

The timelines that share their moments lie one after another in common arrays. A few rows are answered by bisection,
many by array operations over all features at once; both do the same arithmetic in the same order, so that their
answers are the same bit for bit.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

_AT_ONCE = 16_384  # rows per round of array operations, so that what lies between them stays in the cache
_SORTED = 512  # keys from which on it pays to look for them in their order
_NEEDS = {"mean": {"total"}, "sum": {"total"}, "std": {"total", "squares"}, "last": {"last"}, "count": set[str]()}
_NAN = math.nan
_NONE = np.empty(0)
Reads = Callable[[int, str], np.ndarray]
"""Gives a field of a timeline (see `core/timelines.py`) by the timeline's number."""


@dataclass(frozen=True)
class Wanted:
    """One history feature: which series it reads, how it is aggregated, and its window in whole seconds."""

    name: str
    how: str
    seconds: int
    series: int


class Windows:
    """The timelines of one set of moments, and the features that are asked of them.

    `codes` in what follows are entity codes by group, -1 for an entity never seen.
    """

    def __init__(
        self, moments: np.ndarray, series: Sequence[int], groups: Sequence[int], wanted: Sequence[Wanted], read: Reads
    ) -> None:
        """`series`: the timelines' numbers, `groups`: which entities each goes by; `wanted` asks for these alone."""
        self.moments, self.series, self._groups, self._wanted = moments, list(series), list(groups), list(wanted)
        self._width = len(moments) + 1
        keys, shifts = [read(one, "keys") for one in series], [read(one, "shift") for one in series]
        self.events = _bounds([len(part) for part in keys])
        self.entities = _bounds([len(part) for part in shifts])
        self.fields = sorted(set().union(*(_NEEDS[one.how] for one in wanted)))
        self.keys = _small(
            _joined([part + entity * self._width for part, entity in zip(keys, self.entities, strict=False)]),
            (self.entities[-1] + 1) * self._width,
        )
        ends = [np.array(self.events[-1:], dtype=np.int64)]
        starts = zip(series, self.events, strict=False)
        self.starts = _joined([read(one, "starts") + event for one, event in starts] + ends)
        self.shift = _joined(shifts)
        # One more number at the end stands for "before the first event": an index of -1 finds it.
        self.sums = {name: _joined([*(read(one, name) for one in series), np.zeros(1)]) for name in self.fields}
        self._plan()

    def _plan(self) -> None:
        """What both ways of answering need to know of the features, worked out once."""
        self._seconds = sorted({one.seconds for one in self._wanted})
        self._asked = np.array([0, *[1 - seconds for seconds in self._seconds]])[:, None]
        self._bases = np.array(self.entities[:-1])[:, None]
        place = {number: at for at, number in enumerate(self.series)}
        self._pairs = sorted({(place[one.series], self._seconds.index(one.seconds)) for one in self._wanted})
        self._pair_series, self._pair_windows = np.array(self._pairs, dtype=np.int64).reshape(-1, 2).T
        asked = [self._pairs.index((place[one.series], self._seconds.index(one.seconds))) for one in self._wanted]
        self._by_how: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        for how in dict.fromkeys(one.how for one in self._wanted):
            features = [number for number, one in enumerate(self._wanted) if one.how == how]
            self._by_how[how] = (np.array(features), np.array([asked[number] for number in features]))
        self._empty = [0.0 if one.how == "count" else _NAN for one in self._wanted]
        self._steps: list[tuple[int, int, list[tuple[int, list[tuple[int, str]]]]]] = []
        for at, group in enumerate(self._groups):
            windows = []
            for number, (series, window) in enumerate(self._pairs):
                answers = [(n, one.how) for n, one in enumerate(self._wanted) if asked[n] == number]
                if series == at:
                    windows.append((window + 1, answers))
            self._steps.append((group, self.entities[at], windows))
        # Bisection reads one number after another: a memoryview gives them four times as fast as an array.
        self._views = [array.data for array in (self.keys, self.starts, self.shift)]
        self._totals, self._squares, self._last = (
            self.sums.get(name, _NONE).data for name in ("total", "squares", "last")
        )

    def one(self, codes: Sequence[int], moment: int) -> list[float]:
        """The features of one row at `moment` (whole seconds): one code per group."""
        keys, starts, shifts = self._views
        width, totals = self._width, self._totals
        ranks = self.moments.searchsorted([moment, *[moment - seconds + 1 for seconds in self._seconds]]).tolist()
        out = self._empty.copy()
        for group, base, windows in self._steps:
            code = codes[group]
            if code < 0:
                continue
            at = base + code
            first, key = starts[at], at * width
            high = bisect_left(keys, key + ranks[0], first, starts[at + 1])
            for window, features in windows:
                low = bisect_left(keys, key + ranks[window], first, high)
                if low == high:
                    continue
                count = high - low
                for feature, how in features:
                    if how == "count":
                        out[feature] = float(count)
                    elif how == "last":
                        out[feature] = self._last[high - 1]
                    elif how == "std":
                        out[feature] = self._deviation(first, low, high)
                    else:
                        total = totals[high - 1] - (0.0 if low == first else totals[low - 1])
                        full = shifts[at] * count + total
                        out[feature] = full / count if how == "mean" else full
        return out

    def _deviation(self, first: int, low: int, high: int) -> float:
        count = high - low
        if count < 2:
            return _NAN
        total = self._totals[high - 1] - (0.0 if low == first else self._totals[low - 1])
        squares = self._squares[high - 1] - (0.0 if low == first else self._squares[low - 1])
        rest = squares - total * total / count
        return math.sqrt((rest if rest > 0.0 or rest != rest else 0.0) / (count - 1))

    def many(self, codes: Sequence[np.ndarray] | np.ndarray, moments: np.ndarray) -> np.ndarray:
        """The features of n rows at `moments` (n,): codes (groups, n), or an array (n,) for each group.

        Shape (features, n).
        """
        table = np.asarray(codes)
        out = np.empty((len(self._wanted), len(moments)))
        for start in range(0, len(moments), _AT_ONCE):
            rows = slice(start, start + _AT_ONCE)
            self._fill(out[:, rows], table[:, rows], moments[rows])
        return out

    def _fill(self, out: np.ndarray, codes: np.ndarray, moments: np.ndarray) -> None:
        ranks = self.moments.searchsorted(self._asked + moments)
        code = codes[self._groups]
        seen = code >= 0
        known = bool(seen.all())  # as nearly always
        at = (code if known else np.where(seen, code, 0)) + self._bases
        key = at * self._width
        pairs = self._pair_series
        sought = np.concatenate((key + ranks[0], key[pairs] + ranks[1:][self._pair_windows]))
        found = _find(self.keys, sought.astype(self.keys.dtype, copy=False))
        high, low = found[: len(key)][pairs], found[len(key) :]
        high = np.maximum(high, low)
        if not known:
            high = np.where(seen[pairs], high, low)
        first = low == self.starts[at[pairs]]
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            for how, (features, chosen) in self._by_how.items():
                spans = low[chosen], high[chosen], first[chosen]
                out[features] = self._aggregate(how, at[pairs[chosen]], *spans)

    def _aggregate(self, how: str, at: np.ndarray, low: np.ndarray, high: np.ndarray, first: np.ndarray) -> np.ndarray:
        """The aggregate of events `low` to `high` (exclusive) of entities `at`; NaN where there is none."""
        count = (high - low).astype(np.float64)
        if how == "count":
            return count
        if how == "last":
            return np.where(count > 0, self.sums["last"][high - 1], np.nan)
        total = self.sums["total"][high - 1] - np.where(first, 0.0, self.sums["total"][low - 1])
        if how == "std":
            squares = self.sums["squares"][high - 1] - np.where(first, 0.0, self.sums["squares"][low - 1])
            values = np.sqrt(np.maximum(squares - total * total / count, 0.0) / (count - 1))
            return np.where(count > 1, values, np.nan)
        full = self.shift[at] * count + total
        return np.where(count > 0, full / count if how == "mean" else full, np.nan)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Each timeline's fields under `series.<number>.<field>`, as a new object would read them."""
        arrays: dict[str, np.ndarray] = {}
        for at, number in enumerate(self.series):
            events, entities = slice(*self.events[at : at + 2]), slice(*self.entities[at : at + 2])
            parts = {name: values[events] for name, values in self.sums.items()}
            parts["keys"] = self.keys[events].astype(np.int64) - self.entities[at] * self._width
            parts["starts"] = self.starts[entities] - self.events[at]
            parts |= {"moments": self.moments, "shift": self.shift[entities]}
            parts["entities"] = np.array([self._groups[at]], dtype=np.int64)
            arrays |= {f"series.{number}.{field}": values for field, values in parts.items()}
        return arrays


def _bounds(sizes: Sequence[int]) -> list[int]:
    """Where each part starts when parts of these sizes lie one after another, and where the last one ends."""
    return [0, *np.cumsum(sizes, dtype=np.int64).tolist()]


def _find(keys: np.ndarray, sought: np.ndarray) -> np.ndarray:
    """Where each of `sought` (any shape) stands among the sorted keys, as `searchsorted` says.

    In their own order each is looked for near the one before, which is in the cache: half the time or less for many.
    """
    if sought.size < _SORTED:
        return keys.searchsorted(sought)
    flat = sought.ravel()
    order = flat.argsort()
    found = np.empty(len(flat), dtype=np.int64)
    found[order] = keys.searchsorted(flat[order])
    return found.reshape(sought.shape)


def _small(keys: np.ndarray, most: int) -> np.ndarray:
    """Integers up to `most` in half the room where they fit: what is searched at random should stay in the cache."""
    return keys.astype(np.int32) if most < 2**31 else keys


def _joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    return np.ascontiguousarray(parts[0] if len(parts) == 1 else np.concatenate(parts))
