"""Which rows of the reference a window is fairly compared with, and the reference's own stretches of that length.

Mondays are compared with Mondays, nights with nights: where the reference holds at least two such cycles. What the
reference itself did from one stretch to the next is no news either.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

WHOLE = "the reference"
YEAR_AGO = timedelta(days=364)
"""From a window back to that of the same weekdays a year earlier."""
_ANCHOR = datetime(1970, 1, 5, tzinfo=UTC)  # a Monday
_WEEK, _YEAR = 7.0, 365.25  # days
_ENOUGH = 200  # rows of the same season from which on they are a reference of their own
_CYCLES = 2
_AROUND = 15.0  # days, of the same time of the year
_MOST_STRETCHES = 24
_BLOCKS, _APART = 12, 100
_SLACK = 1e-4  # days: a default window ends a second after the last answer


@dataclass(frozen=True)
class Season:
    """Rows of the reference that a window is compared with."""

    name: str
    key: tuple[float, ...]
    """Tells seasons of one reference apart."""
    chosen: np.ndarray
    """(rows,) a mask over the reference."""
    stretch: np.ndarray
    """(rows,) number of the stretch, as long as the window, that a row lies in; NaN for none."""
    length: float
    """Days of the window."""

    def stretches(self) -> list[np.ndarray]:
        """Masks of the stretches; evenly chosen where they are very many."""
        found = np.unique(self.stretch[self.chosen & np.isfinite(self.stretch)])
        if len(found) > _MOST_STRETCHES:
            found = found[np.unique(np.linspace(0, len(found) - 1, _MOST_STRETCHES).astype(int))]
        return [self.chosen & (self.stretch == one) for one in found]


def same_season(moments: np.ndarray, start: datetime, end: datetime) -> Season:
    """The reference's rows at the same weekdays and hours as [start, end), where that leaves enough; else all.

    Windows of a week and more hold every weekday anyway. A window under a day goes by the same hours of the same
    weekdays, or else by the same hours of any day. `moments`: (rows,) datetime64, NaT where not known.

    >>> moments = np.arange("2024-01-01", "2024-01-29", dtype="datetime64[h]").astype("datetime64[us]")
    >>> monday = datetime(2024, 2, 5)
    >>> found = same_season(np.repeat(moments, 5), monday, monday + timedelta(days=1))
    >>> found.name, int(found.chosen.sum()), len(found.stretches())
    ('the same weekdays of the reference', 480, 4)
    """
    length = (end - start) / timedelta(days=1)
    periods = []
    if length < _WEEK - _SLACK:
        within = "the same weekdays and hours" if length < 1 - _SLACK else "the same weekdays"
        periods.append((_WEEK, f"{within} of the reference"))
    if length < 1 - _SLACK:
        periods.append((1.0, "the same hours of the reference"))
    days = _days(moments)
    for period, name in periods:
        phase = _since(start) % period
        place, cycle = np.mod(days - phase, period), np.floor_divide(days - phase, period)
        chosen = place < length  # NaN: False
        if chosen.sum() >= _ENOUGH and len(np.unique(cycle[chosen])) >= _CYCLES:
            return Season(name, (period, phase, length), chosen, cycle, length)
    return whole_reference(moments, length)


def whole_reference(moments: np.ndarray, length: float) -> Season:
    """All rows, in stretches of so many days from the first one's midnight.

    >>> moments = np.arange("2024-01-01", "2024-01-29", dtype="datetime64[D]").astype("datetime64[us]")
    >>> [int(one.sum()) for one in whole_reference(moments, 7).stretches()]
    [7, 7, 7, 7]
    """
    days = _days(moments)
    first = np.floor(np.nanmin(days)) if np.isfinite(days).any() else 0.0
    stretch = np.floor_divide(days - first, max(length, _SLACK))
    return Season(WHOLE, (length,), np.ones(len(moments), dtype=bool), stretch, length)


def same_time_of_year(moments: np.ndarray, start: datetime, end: datetime) -> Season | None:
    """The reference's rows within two weeks of this time of the year, where it reaches over a year and has enough."""
    days = _days(moments)
    known = np.isfinite(days)
    if not known.any() or np.ptp(days[known]) < _YEAR:
        return None
    length = (end - start) / timedelta(days=1)
    middle, reach = _since(start + (end - start) / 2), max(_AROUND, length / 2)
    chosen = np.abs(np.mod(days - middle + _YEAR / 2, _YEAR) - _YEAR / 2) <= reach
    if chosen.sum() < _ENOUGH:
        return None
    name, key = "the same time of the year in the reference", (_YEAR, middle % _YEAR, reach)
    return Season(name, key, chosen, np.floor_divide(days - middle, max(length, _SLACK)), length)


def blocks_of_time(moments: np.ndarray) -> np.ndarray:
    """(rows,) the number, from 0, of the block whose luck a row shares: its day, or a twelfth of a shorter time.

    Rows of no moment are taken to be apart: dealt out to a hundred blocks.

    >>> moments = np.arange("2024-01-01", "2024-01-29", dtype="datetime64[h]").astype("datetime64[us]")
    >>> len(np.unique(blocks_of_time(moments)))
    28
    """
    days = _days(moments)
    known = np.isfinite(days)
    span = float(np.ptp(days[known])) if known.any() else 0.0
    if span == 0:
        return np.arange(len(moments)) % _APART
    block = np.floor_divide(days, min(1.0, span / _BLOCKS))
    block = np.where(known, block, np.nanmin(block) - 1)
    found: np.ndarray = np.unique(block, return_inverse=True)[1]
    return found


def _days(moments: np.ndarray) -> np.ndarray:
    """Days since the anchor of each moment, NaN for none."""
    start = np.datetime64(_ANCHOR.replace(tzinfo=None), "us")
    days: np.ndarray = (moments.astype("datetime64[us]") - start) / np.timedelta64(1, "D")
    return days


def _since(moment: datetime) -> float:
    known = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return (known - _ANCHOR) / timedelta(days=1)
