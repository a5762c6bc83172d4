"""What one value stands for: the one reading of numbers, moments and category texts."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np

from pipelines.core.moments import read_moment

MISSING_TEXTS = frozenset({"", "na", "n/a", "#n/a", "nan", "null", "none", "?", "-", "."})
"""Texts (lower case) that stand for a missing number or date; in a categorical column they are values."""

_EXACT = 2**53
_NOTHING = frozenset({"NAType", "NaTType"})  # the types of pandas' NA and NaT, which serving does not import
_NAT = np.datetime64("NaT", "us")


def is_missing(value: object) -> bool:
    """Whether a value is None, NaN, NaT or NA.

    >>> is_missing(None), is_missing(float("nan")), is_missing(np.datetime64("NaT")), is_missing(0)
    (True, True, True, False)
    """
    if value is None or type(value).__name__ in _NOTHING:
        return True
    if isinstance(value, np.datetime64 | np.timedelta64):
        return bool(np.isnat(value))
    return isinstance(value, float | np.floating | Decimal) and bool(value != value)


def category_text(value: object) -> str | None:
    """The canonical text of a category, None when missing: the same however the value travelled.

    >>> [category_text(v) for v in (True, 12, 12.0, 0.5, "x", None, float("nan"), date(2013, 1, 2))]
    ['true', '12', '12', '0.5', 'x', None, None, '2013-01-02']
    """
    if type(value) is str:
        return value
    if is_missing(value):
        return None
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, int | np.integer):
        return str(int(value))
    if isinstance(value, float | np.floating | Decimal):
        number = float(value)
        return str(int(number)) if number.is_integer() and abs(number) < _EXACT else repr(number)
    if isinstance(value, np.datetime64):
        return _moment_text(value)
    if isinstance(value, datetime):
        return (value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return str(value)


def _moment_text(moment: np.datetime64) -> str:
    """A moment as `isoformat` writes it, with nine decimals where there are nanoseconds."""
    whole = moment.astype("datetime64[us]").item()
    if not isinstance(whole, datetime):
        return str(moment)  # before the year 1 or after 9999
    fine = np.datetime_data(moment.dtype)[0] in ("ns", "ps", "fs", "as")
    rest = int(moment.astype("datetime64[ns]").astype(np.int64)) % 1000 if fine else 0
    return whole.isoformat(timespec="microseconds") + f"{rest:03d}" if rest else whole.isoformat()


def to_number(value: object, booleans: bool = False) -> float:
    """The number that a value stands for; NaN when missing; ValueError when it is none.

    True and false count as 1 and 0 only where `booleans` says that the column holds them.

    >>> to_number(" 1.5 "), to_number(10**3), to_number("NA")
    (1.5, 1000.0, nan)
    """
    kind = type(value)
    if kind is float:
        return value  # type: ignore[return-value]
    if kind is int:
        return _int_to_float(value)  # type: ignore[arg-type]
    if kind is str:
        return _text_to_float(value)  # type: ignore[arg-type]
    if is_missing(value):
        return math.nan
    if isinstance(value, bool | np.bool_):
        if booleans:
            return float(value)
        raise ValueError(f"expected a number, got {'true' if value else 'false'}")
    if isinstance(value, int | np.integer):
        return _int_to_float(int(value))
    if isinstance(value, float | np.floating | Decimal):
        return float(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    raise WrongValue.unread("expected a number", value)


def _int_to_float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _text_to_float(value: str) -> float:
    text = value.strip()
    if text.lower() in MISSING_TEXTS:
        return math.nan
    try:
        if "_" not in text:
            return float(text)
    except ValueError:
        pass
    raise WrongValue.unread("expected a number", value)


def to_datetime(value: object, form: str | None = None) -> np.datetime64:
    """The UTC-naive moment (microseconds) that a value stands for; NaT when missing; ValueError if none.

    Texts are read as ISO 8601, else by `form` (strptime). Numbers: a year (1000-9999), YYYYMMDD, else seconds
    (from 1e11 on: milliseconds) since 1970.

    >>> str(to_datetime("2013-01-01T02:00:00+02:00")), str(to_datetime("2/1/2013", "%d/%m/%Y"))
    ('2013-01-01T00:00:00.000000', '2013-01-02T00:00:00.000000')
    """
    if is_missing(value):
        return _NAT
    if isinstance(value, str):
        if value.strip().lower() in MISSING_TEXTS:
            return _NAT
    elif isinstance(value, bool | np.bool_ | list | dict | tuple | bytes):
        raise WrongValue.unread("expected a date or a time", value)
    moment = read_moment(value, form)
    if moment is None:
        raise WrongValue.unread("expected a date or a time such as 2013-01-31T18:00:00", value)
    return moment


class WrongValue(ValueError):
    """A value that cannot be read. The message may show it; `reason` says the same without showing anything of it.

    >>> error = WrongValue.unread("expected a number", "x")
    >>> str(error), error.reason
    ("expected a number, got 'x'", 'expected a number, got a text')
    """

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason

    @classmethod
    def unread(cls, expected: str, value: object) -> WrongValue:
        """The error of a value that is not what was expected."""
        return cls(f"{expected}, got {describe(value)}", f"{expected}, got {_sort(value)}")


def reason_of(error: ValueError) -> str:
    """Why a value is wrong, for answers and logs that may not repeat what was sent."""
    return str(getattr(error, "reason", error))


def _sort(value: object) -> str:
    """What sort of thing a value is."""
    if isinstance(value, str):
        return "a text"
    if isinstance(value, bool | np.bool_ | list | tuple | np.ndarray | set | dict):
        return describe(value)
    if isinstance(value, float | np.floating) and not math.isfinite(value):
        return "an infinite number"
    return "a number" if isinstance(value, int | float | np.number | Decimal) else "something else"


def describe(value: object) -> str:
    """A short, safe description of a value for messages.

    >>> describe("x" * 100), describe([1, 2]), describe({"a": 1})
    ("'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...'", 'a list', 'an object')
    """
    if isinstance(value, list | tuple | np.ndarray | set):
        return "a list"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, np.generic):
        value = value.item()
    text = repr(value)
    return text if len(text) <= 43 else f"{text[:41]}..." + (text[-1] if isinstance(value, str) else "")
