"""The stretch of a backtest and its windows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from pipelines.core.errors import NotEnoughData, ProblemError

FIRST_SHARE = 0.25
"""Share of the labels that the first training has, unless a person says when to begin."""
_MOST = 2_000  # windows: more are hours of work, and a picture that nobody can read


def stretch(
    known: np.ndarray, start: datetime | None, end: datetime | None, window: timedelta
) -> tuple[datetime, datetime]:
    """From when to when: as given, else from the day on which a quarter of the labels were known to the last label.

    `known`: datetime64[us] of each label. NotEnoughData without labels, ProblemError when no window fits in between.

    >>> days = np.arange("2013-01-01", "2013-04-11", dtype="datetime64[D]").astype("M8[us]")
    >>> [f"{one:%m-%d}" for one in stretch(days, None, None, timedelta(days=7))]
    ['01-26', '04-10']
    """
    if not len(known):
        raise NotEnoughData("no row has a label: there is nothing to rehearse on")
    ordered = np.sort(known)
    last = ordered[-1].astype("M8[s]") + np.timedelta64(1, "s")
    until = _aware(last) if end is None else end
    if start is None:
        quarter = ordered[int(FIRST_SHARE * (len(ordered) - 1))]
        start = _aware(quarter.astype("M8[D]") + np.timedelta64(1, "D"))
    if until - start < window:
        raise ProblemError(
            f"from {start:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} no window of {window} fits: "
            "choose --from, --to or --window otherwise"
        )
    return start, until


def windows(start: datetime, end: datetime, length: timedelta) -> Sequence[tuple[datetime, datetime]]:
    """Windows back to back that lie wholly within the stretch.

    >>> found = windows(datetime(2013, 1, 1), datetime(2013, 1, 16), timedelta(days=7))
    >>> len(found), found[-1][1]
    (2, datetime.datetime(2013, 1, 15, 0, 0))
    """
    count = (end - start) // length
    if count > _MOST:
        raise ProblemError(f"{count:,} windows of {length} are too many to rehearse: give a longer --window")
    return [(start + number * length, start + (number + 1) * length) for number in range(count)]


def _aware(moment: np.datetime64) -> datetime:
    seconds = int(moment.astype("M8[s]").astype(np.int64))
    return datetime.fromtimestamp(seconds, UTC)
