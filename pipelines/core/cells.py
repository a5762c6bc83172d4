"""One cell of a request as its column types it, or why it is wrong.

`read_cell` is the one reading that says what a cell stands for. `quick_reader` gives the same answers: it looks
first for the few forms that nearly every cell of a request has, and leaves all others to `read_cell`.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.core.moments import microseconds_of
from pipelines.core.values import WrongValue, category_text, describe, is_missing, to_datetime, to_number

if TYPE_CHECKING:
    from pipelines.core.schema import Column

NAT = np.datetime64("NaT", "us")
NESTED = (list, dict, tuple, set, np.ndarray)
_LARGEST = sys.float_info.max
_REQUIRED = "a value is required and it is missing"


def read_cell(column: Column, value: Any) -> Any:
    """The float, datetime64[us], or text or None that a cell stands for; ValueError says why it is wrong."""
    if column.kind == "numeric":
        return _read_number(column, value)
    return _read_datetime(column, value) if column.kind == "datetime" else _read_text(column, value)


def quick_reader(column: Column) -> Callable[[Any], Any]:
    """`read_cell` of one column, made for many calls."""
    if column.kind == "numeric":
        return _quick_number(column)
    return _quick_datetime(column) if column.kind == "datetime" else _quick_text(column)


def nothing(column: Column) -> Any:
    """What stands for a missing cell: NaN, NaT or None."""
    return {"numeric": math.nan, "datetime": NAT}.get(column.kind)


def some(names: Sequence[str]) -> str:
    """The names for a message: the first ten, and how many more."""
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")


def _read_number(column: Column, value: Any) -> float:
    number = to_number(value, column.boolean)
    if number != number:
        if column.required:
            raise ValueError(_REQUIRED)
        return number
    if math.isinf(number):
        raise WrongValue.unread("expected a finite number", value)
    if column.minimum is not None and number < column.minimum:
        reason = f"less than the minimum {column.minimum:g}"
        raise WrongValue(f"{number:g} is {reason}", reason)
    if column.maximum is not None and number > column.maximum:
        reason = f"more than the maximum {column.maximum:g}"
        raise WrongValue(f"{number:g} is {reason}", reason)
    return number


def _read_datetime(column: Column, value: Any) -> np.datetime64:
    moment = to_datetime(value, column.form)
    if column.required and is_missing(moment):
        raise ValueError(_REQUIRED)
    return moment


def _read_text(column: Column, value: Any) -> str | None:
    if isinstance(value, NESTED):
        raise WrongValue.unread("expected a text", value)
    text = category_text(value)
    if text is None:
        if column.required:
            raise ValueError(_REQUIRED)
    elif column.allowed is not None and text not in column.allowed:
        reason = f"none of the categories allowed: {some(column.categories or [])}"
        raise WrongValue(f"{describe(value)} is {reason}", reason)
    return text


def _quick_number(column: Column) -> Callable[[Any], float]:
    low = -_LARGEST if column.minimum is None else max(column.minimum, -_LARGEST)
    high = _LARGEST if column.maximum is None else min(column.maximum, _LARGEST)
    optional, missing = not column.required, math.nan

    def read(value: Any) -> float:
        if type(value) is float:
            if low <= value <= high:  # false for NaN and the infinities
                return value
        elif type(value) is int:
            if low <= value <= high:
                return float(value)
        elif value is None and optional:
            return missing
        return _read_number(column, value)

    return read


def _quick_text(column: Column) -> Callable[[Any], str | None]:
    allowed, optional = column.allowed, not column.required

    def read(value: Any) -> str | None:
        if type(value) is str:
            if allowed is None or value in allowed:
                return value
        elif value is None and optional:
            return None
        elif type(value) is int and allowed is None:
            return str(value)
        return _read_text(column, value)

    return read


def _quick_datetime(column: Column) -> Callable[[Any], np.datetime64]:
    optional, from_iso, moment_of = not column.required, datetime.fromisoformat, np.datetime64

    def read(value: Any) -> np.datetime64:
        # 2013-01-31 and whatever time of day follows: no other reading of a text goes before this one.
        if type(value) is str and value[4:5] == "-" == value[7:8]:
            try:
                moment = from_iso(value)
            except ValueError:
                return _read_datetime(column, value)
            if moment.tzinfo is None:
                return moment_of(microseconds_of(moment), "us")
            if moment.tzinfo is UTC:
                return moment_of(microseconds_of(moment.replace(tzinfo=None)), "us")
        elif value is None and optional:
            return NAT
        return _read_datetime(column, value)

    return read
