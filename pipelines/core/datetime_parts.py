"""A datetime as the numbers that models read: one implementation, for pipelines and for compiled models."""

from __future__ import annotations

import numpy as np

_PERIODS = np.array([12.0, 7.0, 365.25, 24.0])
_TURNS = np.array([3 * 365, 365, 14, 365, 2], dtype="m8[D]")
"""How long training rows must reach for each part to be learnt: three years, a year, two weeks, a year, two days."""


def datetime_parts(moments: np.ndarray, cyclic: bool = False) -> np.ndarray:
    """Year, month, day of week, day of year and hour of each moment: float64 (n, 5), NaN where it is missing.

    With `cyclic` each part but the year becomes a sine and a cosine, (n, 9).

    >>> datetime_parts(np.array(["2013-02-01T06:00"], dtype="M8[us]")).tolist()
    [[2013.0, 2.0, 4.0, 32.0, 6.0]]
    """
    missing = np.isnat(moments)
    known = np.where(missing, np.datetime64(0, "us"), moments)
    days, years, months = (known.astype(f"M8[{unit}]") for unit in ("D", "Y", "M"))
    table = np.column_stack(
        [
            years.astype(np.int64) + 1970,
            months.astype(np.int64) % 12 + 1,
            (days.astype(np.int64) + 3) % 7,
            (days - years.astype("M8[D]")).astype(np.int64) + 1,
            (known - days).astype("m8[h]").astype(np.int64),
        ]
    ).astype(np.float64)
    table[missing] = np.nan
    if not cyclic:
        return table
    turns = table[:, 1:] * (2 * np.pi / _PERIODS)
    return np.hstack([table[:, :1], np.sin(turns), np.cos(turns)])


def seen_parts(moments: np.ndarray, cyclic: bool = False) -> np.ndarray:
    """Which columns of `datetime_parts` moments of this reach have something to say about: bool (5,) or (9,).

    >>> seen_parts(np.array(["2013-02-01", "2013-04-01"], dtype="M8[us]")).tolist()
    [False, False, True, False, True]
    """
    known = moments[~np.isnat(moments)]
    reach = known.max() - known.min() if len(known) else np.timedelta64(0, "us")
    seen = reach >= _TURNS
    return np.concatenate([seen, seen[1:]]) if cyclic else seen
