"""Moments in time as people and machines write them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Any

import numpy as np

FORMS = (
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%Y/%m/%d",
    "%d.%m.%Y",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%d %b %Y",
    "%b %d %Y",
    "%b %d, %Y",
    "%d-%b-%Y",
    "%d %B %Y",
    "%B %d, %Y",
    "%Y-%m",
    "%Y/%m",
    "%b %Y",
    "%b-%Y",
    "%B %Y",
    "%m/%d/%y",
    "%d/%m/%y",
    "%d-%b-%y",
)
"""Dates other than ISO 8601 that `find_form` knows, each with or without a time of day; the first wins."""

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - moments without a zone are UTC here
_TIMES = ("", " %H:%M:%S", " %H:%M", " %H:%M:%S.%f", " %I:%M:%S %p", " %I:%M %p")
_COMPACT = re.compile(r"\d{8}|\d{14}")  # 20130131 and 20130131180000; other runs of digits are numbers
# Year first is never ambiguous, whatever stands between: 2013/01/31, 2013.1.31 18:00. DuckDB reads these as dates too.
_YEAR_FIRST = re.compile(r"(\d{4})([-/. ])(\d{1,2})\2(\d{1,2})(?:[T ]+(\d.*))?")
_DIGITS = re.compile(r"[+-]?\d+(\.\d*)?")


def read_moment(value: Any, form: str | None = None) -> np.datetime64 | None:
    """The UTC-naive moment in microseconds that a text, number or date stands for; None for no moment.

    >>> read_moment("2013-01-31 18:00"), read_moment(20130131), read_moment("soon")
    (np.datetime64('2013-01-31T18:00:00.000000'), np.datetime64('2013-01-31T00:00:00.000000'), None)
    """
    if isinstance(value, str):
        return _from_text(value.strip(), form)
    if isinstance(value, np.datetime64):
        return value.astype("datetime64[us]")
    if isinstance(value, datetime):
        return _from_datetime(value)
    if isinstance(value, date):
        return np.datetime64(value, "us")
    if isinstance(value, int | float | np.number):
        return _from_number(float(value)) if -2.5e14 < value < 2.5e14 else None  # year 9892 in milliseconds
    return None


def microseconds_of(moment: datetime) -> int:
    """Microseconds since 1970 of a moment without a zone: NumPy takes these four times as fast as the moment itself.

    >>> microseconds_of(datetime(1970, 1, 2)), np.datetime64(microseconds_of(datetime(2013, 1, 31)), "us")
    (86400000000, np.datetime64('2013-01-31T00:00:00.000000'))
    """
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def find_form(texts: list[str], share: float = 0.98) -> str | None:
    """The strptime form other than ISO 8601 that reads at least `share` of the texts; None when none does.

    >>> find_form(["1/31/2013", "2/1/2013"]), find_form(["31.1.2013 18:00"]), find_form(["x"])
    ('%m/%d/%Y', '%d.%m.%Y %H:%M', None)
    """
    clock = any(":" in text for text in texts[:10])
    for day in FORMS:
        for time in _TIMES[1:] if clock else _TIMES[:1]:
            if texts and _reads(day + time, texts, share):
                return day + time
    return None


def _reads(form: str, texts: list[str], share: float) -> bool:
    """Whether the form reads enough of the texts; gives up at the first miss too many."""
    misses = len(texts) * (1 - share)
    for text in texts:
        misses -= _by_form(text.strip(), form) is None
        if misses < 0:
            return False
    return True


def _from_text(text: str, form: str | None) -> np.datetime64 | None:
    if _DIGITS.fullmatch(text) and not _COMPACT.fullmatch(text):
        return None
    moment = _from_iso(text) or (_by_form(text, form) if form else None)
    return _from_datetime(moment) if moment else None


def _from_iso(text: str) -> datetime | None:
    found = _YEAR_FIRST.fullmatch(text)
    if found is not None:
        year, _, month, day, time = found.groups()
        text = f"{year}-{month:0>2}-{day:0>2}" + (f"T{time}" if time else "")
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _by_form(text: str, form: str) -> datetime | None:
    try:
        return datetime.strptime(text, form)  # noqa: DTZ007 - texts without a zone are UTC here
    except ValueError:
        return None


def _from_datetime(moment: datetime) -> np.datetime64 | None:
    if moment.tzinfo is not None:
        try:
            moment = moment.astimezone(UTC).replace(tzinfo=None)
        except OverflowError:
            return None
    return np.datetime64(moment, "us")


def _from_number(number: float) -> np.datetime64 | None:
    if number != number:
        return None
    if number.is_integer() and 1000 <= number <= 9999:
        return np.datetime64(f"{int(number)}-01-01", "us")
    if number.is_integer() and 10000101 <= number <= 99991231:
        try:
            return np.datetime64(datetime.strptime(str(int(number)), "%Y%m%d"), "us")  # noqa: DTZ007
        except ValueError:
            pass
    seconds = number / 1000 if abs(number) >= 1e11 else number
    return np.datetime64(round(seconds * 1_000_000), "us")
