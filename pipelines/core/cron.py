"""Cron expressions: the moments at which a regular training is due, in UTC."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

_DAY = timedelta(days=1)
_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 7))
_NAMES = {
    "month": ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
    "weekday": ["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
}
_SHORT = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_WHAT = "write minute, hour, day, month and weekday, such as `0 3 * * 1` (Mondays at three, UTC)"


@dataclass(frozen=True)
class Cron:
    """What a cron expression of five fields means; days are met where one of day and weekday is, if both are given."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    """0: Sunday."""
    either: bool
    """Whether both day and weekday are restricted: then one of them is enough."""

    @classmethod
    def parse(cls, text: str) -> Cron:
        """The meaning of an expression; ValueError says what of it cannot be read, or that it is never due.

        >>> Cron.parse("30 3 1 * *").days, Cron.parse("@weekly").weekdays
        (frozenset({1}), frozenset({0}))
        """
        parts = _SHORT.get(text.strip().lower(), text).split()
        if len(parts) != len(_FIELDS):
            raise ValueError(f"{text!r} is no cron expression of five fields: {_WHAT}")
        read = [_values(part, *field) for part, field in zip(parts, _FIELDS, strict=True)]
        minutes, hours, days, months, weekdays = read
        weekdays = {one % 7 for one in weekdays}
        found = cls(
            minutes=tuple(sorted(minutes)),
            hours=tuple(sorted(hours)),
            days=frozenset(days),
            months=frozenset(months),
            weekdays=frozenset(weekdays),
            either=_given(parts[2], len(days) == 31, parts[4]) and _given(parts[4], len(weekdays) == 7, parts[2]),
        )
        if not found.either and not any(day <= _longest(month) for day in days for month in months):
            raise ValueError(f"{text!r} is never due: none of its months has such a day")
        return found

    def between(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """The moments in [start, end), oldest first.

        >>> found = Cron.parse("0 3 * * 1").between(datetime(2024, 1, 1), datetime(2024, 1, 9))
        >>> [f"{one:%a %d %H:%M}" for one in found]
        ['Mon 01 03:00', 'Mon 08 03:00']
        """
        day = start.replace(hour=0, minute=0, second=0, microsecond=0)
        while day < end:
            if self._meets(day):
                for hour in self.hours:
                    for minute in self.minutes:
                        moment = day.replace(hour=hour, minute=minute)
                        if start <= moment < end:
                            yield moment
            day += _DAY

    def _meets(self, day: datetime) -> bool:
        if day.month not in self.months:
            return False
        by_day, by_weekday = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return by_day or by_weekday if self.either else by_day and by_weekday


def _values(text: str, name: str, lowest: int, highest: int) -> set[int]:
    """The values of one field: numbers or names, lists, ranges and steps."""
    found: set[int] = set()
    for part in text.split(","):
        span, stepped, step = part.partition("/")
        first, ranged, last = span.partition("-")
        end = min(highest, 6) if name == "weekday" else highest  # a 7 is a Sunday too, but no step leads to it
        if span == "*":
            low, high = lowest, end
        else:
            low = _value(first, text, name, lowest, highest)
            high = _value(last, text, name, lowest, highest) if ranged else end if stepped else low
        # The scheduler takes a range of one value, such as 5-5, for all values: nobody would mean either.
        empty = low >= high if ranged or stepped else False
        if empty or (stepped and not (step.isascii() and step.isdigit() and int(step))):
            raise ValueError(f"{text!r} is no {name} of a cron expression: {_WHAT}")
        found.update(range(low, high + 1, int(step) if stepped else 1))
    return found


def _value(text: str, whole: str, name: str, lowest: int, highest: int) -> int:
    names = _NAMES.get(name, [])
    if text.lower() in names:
        return names.index(text.lower()) + (name == "month")
    if not (text.isascii() and text.isdigit()) or not lowest <= int(text) <= highest:
        raise ValueError(f"{whole!r} is no {name} of a cron expression ({lowest} to {highest}): {_WHAT}")
    return int(text)


def _given(field: str, whole: bool, other: str) -> bool:
    """Whether day or weekday restricts the days, as the scheduler (Prefect's croniter) takes it."""
    return field != "*" and not (whole and "*" in other)


def _longest(month: int) -> int:
    """Days of a month, in a leap year."""
    return 29 if month == 2 else 30 if month in (4, 6, 9, 11) else 31
