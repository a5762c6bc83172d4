"""Timelines: what became known of each entity and when, summed up so that any window is one subtraction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SUMS = ("total", "squares", "last")
"""The fields of a Timeline with one number for each event."""


def seconds_of(moments: np.ndarray) -> np.ndarray:
    """Whole seconds since 1970 (rounded down) of datetime64[us]; a missing one is some number long past."""
    return np.floor_divide(moments.view(np.int64), 1_000_000)


@dataclass(frozen=True)
class Timeline:
    """Events of all entities, sorted by entity and the moment known; running sums restart at each entity.

    `shift` is the entity's first value: sums of differences from it keep their precision, and it was known
    before anything that is ever asked for. What is answered for a moment comes from events before it alone,
    bit for bit.

    >>> days = np.array(["2024-01-01", "2024-01-02", "2024-01-03"], "M8[us]")
    >>> Timeline.of(0, np.zeros(3, dtype=int), np.array([1.0, 3.0, 8.0]), days, 1).total
    array([0., 2., 9.])
    """

    entities: int
    keys: np.ndarray  # (events,) int64: entity * (moments + 1) + rank of the moment known
    moments: np.ndarray  # (distinct moments,) int64 seconds since 1970
    starts: np.ndarray  # (entities,) position of the entity's first event
    shift: np.ndarray  # (entities,) float64
    total: np.ndarray  # (events,) running sum of value - shift
    squares: np.ndarray  # (events,) running sum of its square
    last: np.ndarray  # (events,) the values themselves

    @classmethod
    def of(cls, group: int, codes: np.ndarray, values: np.ndarray, known: np.ndarray, entities: int) -> Timeline:
        """The timeline of events: entity codes, values (NaN: no event) and moments known (datetime64[us])."""
        # Its sums are compensated, NumPy's are not. Only building needs them, and serving must not import pandas.
        import pandas as pd

        events = np.flatnonzero(~np.isnan(values) & ~np.isnat(known))
        seconds = seconds_of(known[events])
        codes, values = codes[events], values[events]
        # Ties are ordered by value, so that the order of the rows makes no difference, not even in the last bit.
        order = np.lexsort((values, seconds, codes))
        codes, values, seconds = codes[order], values[order], seconds[order]
        moments = np.unique(seconds)
        keys = codes * (len(moments) + 1) + np.searchsorted(moments, seconds)
        starts = np.searchsorted(codes, np.arange(entities))
        shift = np.zeros(entities)
        present = np.flatnonzero(np.bincount(codes, minlength=entities))
        shift[present] = values[starts[present]]
        with np.errstate(over="ignore", invalid="ignore"):
            differences = pd.Series(values - shift[codes])
            total = differences.groupby(codes).cumsum().to_numpy()
            squares = (differences * differences).groupby(codes).cumsum().to_numpy()
        return cls(group, keys, moments, starts, shift, total, squares, values)
