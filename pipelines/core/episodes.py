"""Episodes: from a row of verdicts to the few moments at which a person is told.

An episode begins with the first alarm and ends when every kind that was in alarm is healthy again. In between only a
further kind is news; the same alarm an hour later is not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

Event = Literal["begun", "worse", "reminder", "recovered"]
REMIND_AFTER = timedelta(days=1)
_LEAST_LAG = timedelta(hours=1)  # the stack renews every quarter of an hour
DEAD_AFTER = 3
"""Windows without a verdict, or without a label, that a person is told of."""


@dataclass(frozen=True)
class Course:
    """How an episode stands: the kinds that were in alarm, those not healthy since, and those in alarm now."""

    kinds: tuple[str, ...]
    open: tuple[str, ...]
    alarming: tuple[str, ...]


def follow(course: Course | None, levels: Mapping[str, str]) -> tuple[Course | None, Event | None, tuple[str, ...]]:
    """How the episode stands after a verdict with these levels by kind, what happened, and to which kinds.

    A kind that is a warning, unknown or not judged is neither in alarm nor over it.

    >>> begun, event, kinds = follow(None, {"performance": "alarm", "data": "warning"})
    >>> event, kinds
    ('begun', ('performance',))
    >>> follow(begun, {"performance": "warning"})[1] is None
    True
    >>> follow(begun, {"performance": "healthy"})[1:]
    ('recovered', ('performance',))
    """
    alarming = tuple(kind for kind, level in levels.items() if level == "alarm")
    if course is None:
        return (Course(alarming, alarming, alarming), "begun", alarming) if alarming else (None, None, ())
    fresh = tuple(kind for kind in alarming if kind not in course.kinds)
    still = tuple(kind for kind in course.open if levels.get(kind) != "healthy")
    still += tuple(kind for kind in alarming if kind not in still)
    after = Course((*course.kinds, *fresh), still, alarming)
    if not still:
        return after, "recovered", after.kinds
    return (after, "worse", fresh) if fresh else (after, None, ())


def is_dead(last: datetime, window: timedelta, now: datetime) -> bool:
    """Whether verdicts have ceased: none for `DEAD_AFTER` windows since the last one was recorded."""
    return now - last > DEAD_AFTER * window


def labels_dried_up(rows: int, labels: int, end: datetime, labelled: datetime | None, length: timedelta) -> bool:
    """Whether a window has answers and no label although labels came before, for `DEAD_AFTER` windows on end.

    `labelled`: end of the last window that had labels; None where there never was one (they may come later than a
    window is judged: no reason to worry).
    """
    return bool(rows) and not labels and labelled is not None and end - labelled >= DEAD_AFTER * length


def history_lag(known: datetime, answered: datetime, windows: Sequence[timedelta], now: datetime) -> timedelta | None:
    """By how much the history in force lags behind what is answered, where that is worth telling; None otherwise.

    `known`: up to when it knows; `answered`: up to when was answered lately (about days to come: `now` counts). Worth
    telling from a quarter of the shortest of the features' `windows` on, an hour at least.

    >>> noon, hour = datetime(2026, 1, 1, 12), timedelta(hours=1)
    >>> [str(history_lag(noon - hours * hour, noon, [6 * hour], noon)) for hours in (1, 2)]
    ['None', '2:00:00']
    """
    if not windows:
        return None
    lag = min(answered, now) - known
    return lag if lag > max(min(windows) / 4, _LEAST_LAG) else None


def silenced_by(kinds: Sequence[str], silenced: Sequence[str] | None) -> bool:
    """Whether a silence of these kinds (None: of all) covers every kind that a notice is about."""
    return silenced is None or set(kinds) <= set(silenced)
