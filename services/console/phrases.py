"""Values as people read them: moments, durations, numbers, and the words for levels and outcomes."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any

from pipelines.stores.sql.ledger_tables import as_utc

LEVELS = ("unknown", "healthy", "warning", "alarm")
KINDS = {
    "performance": "Performance",
    "calibration": "Calibration",
    "estimate": "Estimate",
    "prediction": "Answers",
    "data": "Data",
    "quality": "Quality",
}
"""The kinds of a verdict, those that say most of harm first."""
ENTRY_KINDS = {
    "verdict": "verdict",
    "retraining": "retraining",
    "release": "release",
    "approval": "approval",
    "override": "promotion by hand",
    "roll_back": "roll back",
    "rollout": "trial",
    "acknowledgement": "acknowledgement",
    "silence": "silence",
    "notice": "notice",
}
OUTCOMES = {
    "promote": "promoted",
    "keep": "champion kept",
    "not_enough_data": "not enough data",
    "awaiting_approval": "waits for approval",
    "roll_back": "rolled back",
    "approved": "approved",
    "declined": "declined",
    "asked": "asked for",
    "done": "done",
    "failed": "failed",
    "blocked": "held back",
    "dry_run": "dry run",
}
_GOOD = frozenset({"healthy", "promote", "approved", "done", "recovered"})
_BAD = frozenset({"alarm", "failed"})
_CARE = frozenset({"warning", "awaiting_approval", "keep", "not_enough_data", "roll_back", "blocked", "declined"})


def moment(value: datetime | None) -> str:
    """A moment in UTC, to the minute.

    >>> from datetime import UTC
    >>> moment(datetime(2013, 4, 12, 6, 5, tzinfo=UTC))
    '12 Apr 2013, 06:05'
    """
    return "never" if value is None else f"{as_utc(value):%-d %b %Y, %H:%M}"


def day(value: datetime) -> str:
    """The day of a moment.

    >>> day(datetime(2013, 4, 2))
    '2 Apr 2013'
    """
    return f"{as_utc(value):%-d %b %Y}"


def stretch(start: datetime, end: datetime) -> str:
    """A stretch of time; whole days without their hours, the end as people say it.

    >>> stretch(datetime(2013, 4, 5), datetime(2013, 4, 12))
    '5 to 11 Apr 2013'
    >>> stretch(datetime(2013, 4, 5, 6), datetime(2013, 4, 5, 7))
    '5 Apr 2013, 06:00 to 07:00'
    """
    start, end = as_utc(start), as_utc(end)
    if start.time() == end.time() == datetime.min.time() and end > start:
        last = end - timedelta(days=1)
        if last == start:
            return day(start)
        same = f"{start:%-d}" if (start.year, start.month) == (last.year, last.month) else f"{start:%-d %b}"
        return f"{same if start.year == last.year else day(start)} to {day(last)}"
    return f"{moment(start)} to {f'{end:%H:%M}' if start.date() == end.date() else moment(end)}"


def ago(value: datetime | None, now: datetime) -> str:
    """How long ago that was, in the largest unit that fits.

    >>> ago(datetime(2013, 4, 1), datetime(2013, 4, 3))
    '2 days ago'
    """
    if value is None:
        return "never"
    seconds = (as_utc(now) - as_utc(value)).total_seconds()
    return f"in {lasting(-seconds)}" if seconds < -1 else "just now" if seconds < 5 else f"{lasting(seconds)} ago"


def lasting(seconds: float) -> str:
    """A duration in the largest unit that fits.

    >>> lasting(90), lasting(7200), lasting(86_400)
    ('90 seconds', '2 hours', '24 hours')
    """
    steps = ((100 * 86_400, 30.44 * 86_400, "month"), (2 * 86_400, 86_400, "day"), (7_200, 3_600, "hour"))
    for least, unit, name in (*steps, (120, 60, "minute")):
        if seconds >= least:
            return counted(round(seconds / unit), name)
    return counted(round(seconds), "second")


def counted(number: int, noun: str) -> str:
    """A number with its noun.

    >>> counted(1, "row"), counted(12_000, "row")
    ('1 row', '12,000 rows')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def number(value: Any) -> str:
    """A number with three significant digits, as many as people compare.

    >>> [number(value) for value in (0.12345, 1234.5, 12, 0.0, None, -0.00012)]
    ['0.123', '1,234', '12', '0', '–', '-0.00012']
    """
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value):
        return "–" if value is None or isinstance(value, float) else str(value)
    if value == 0:
        return "0"
    if (float(value).is_integer() and abs(value) < 1e15) or abs(value) >= 1000:
        return f"{value:,.0f}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:.{min(digits, 8)}f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"


def percent(value: float | None) -> str:
    """A share in percent; small ones keep a digit.

    >>> percent(0.62), percent(0.004), percent(0.0002), percent(None)
    ('62%', '0.4%', '<0.1%', '–')
    """
    if value is None:
        return "–"
    if 0 < value < 0.0005:
        return "<0.1%"
    return f"{value:.1%}" if 0 < abs(value) < 0.01 else f"{value:.0%}"


def tone(outcome: str) -> str:
    """What an outcome or a level is to a person: good, care, bad or plain."""
    if outcome in _BAD:
        return "bad"
    return "good" if outcome in _GOOD else "care" if outcome in _CARE else "plain"


def outcome_word(outcome: str) -> str:
    """An outcome in a person's words."""
    return OUTCOMES.get(outcome, outcome.replace("_", " "))


def kind_word(kind: str) -> str:
    """A kind of entry in a person's words."""
    return ENTRY_KINDS.get(kind, kind.replace("_", " "))


def rank(level: str) -> int:
    """How bad a level is; one that is not known counts least."""
    return LEVELS.index(level) if level in LEVELS else 0


def read_moment(text: Any) -> datetime | None:
    """A moment in ISO 8601 as evidence holds it, in UTC; None when it is none."""
    try:
        return as_utc(datetime.fromisoformat(str(text)))
    except ValueError:
        return None
