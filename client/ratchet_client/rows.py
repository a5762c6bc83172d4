"""Rows and labels as JSON: what callers have in hand is taken as it is, NumPy's and pandas' values by their looks."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from itertools import islice
from typing import Any, TypeVar
from uuid import UUID

from ratchet_client.errors import InvalidRows, Issue

T = TypeVar("T")


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """The items in lists of at most `size`.

    >>> list(batches("abc", 2))
    [['a', 'b'], ['c']]
    """
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


def as_rows(rows: Any) -> Iterable[Mapping[str, Any]]:
    """Each row as a mapping: one row, a sequence of rows, or a table (pandas, polars).

    >>> list(as_rows({"a": 1})), list(as_rows([{"a": 1}, {"a": 2}]))
    ([{'a': 1}], [{'a': 1}, {'a': 2}])
    """
    if isinstance(rows, Mapping):
        return [rows]
    if hasattr(rows, "to_dicts"):  # polars
        table: list[Mapping[str, Any]] = rows.to_dicts()
        return table
    if hasattr(rows, "iloc"):  # pandas: a frame has columns, a series is one row
        records: Any = rows.to_dict("records") if hasattr(rows, "columns") else [rows.to_dict()]
        return list(records)
    if isinstance(rows, (str, bytes)) or not isinstance(rows, Iterable):
        raise TypeError(f"rows are mappings from feature to value, not {type(rows).__name__}")
    return (_as_row(place, row) for place, row in enumerate(rows))


def encode(name: str, items: list[Any], start: int = 0) -> bytes:
    """`{name: items}` as JSON; NaN and NaT become null. InvalidRows names an infinite number, by its row in the call.

    >>> encode("instances", [{"a": float("nan")}])
    b'{"instances":[{"a":null}]}'
    """
    try:
        return _dump({name: items})
    except ValueError:  # NaN or infinity: they are no JSON
        return _dump({name: [_cleaned(item, start + place) for place, item in enumerate(items)]})


def moment(value: datetime) -> str:
    """A moment as the service reads it; one without a zone is UTC there."""
    return value.isoformat()


def _as_row(place: int, row: Any) -> Mapping[str, Any]:
    if isinstance(row, Mapping):
        return row
    for name in ("to_dict", "_asdict"):  # pandas' rows and named tuples
        make: Callable[[], Mapping[str, Any]] | None = getattr(row, name, None)
        if make is not None:
            return make()
    raise TypeError(f"row {place} is no mapping from feature to value but {type(row).__name__}")


def _dump(content: Any) -> bytes:
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain)
    return text.encode()


def _plain(value: Any) -> Any:
    """A value that JSON does not know, as one that it does."""
    if _is_missing(value):
        return None
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, UUID):
        return str(value)
    if type(value).__name__ == "datetime64":  # NumPy's item() of nanoseconds is a bare number
        return value.astype("datetime64[us]").item()
    if hasattr(value, "item") and getattr(value, "ndim", 0) == 0:  # NumPy's scalars
        return value.item()
    raise TypeError(f"a value of type {type(value).__name__} cannot be sent: give a number, a text, a moment or None")


def _is_missing(value: Any) -> bool:
    """pandas' NA and everything that differs from itself: NaN, NaT."""
    if type(value).__name__ == "NAType":
        return True
    try:
        return bool(value != value)
    except (TypeError, ValueError):
        return False


def _cleaned(item: Any, row: int) -> Any:
    if not isinstance(item, Mapping):
        return item
    return {
        name: value if type(value) is float and math.isfinite(value) else _finite(value, row, name)
        for name, value in item.items()
    }


def _finite(value: Any, row: int, name: str) -> Any:
    if isinstance(value, (str, int)) or (not isinstance(value, (float, Decimal)) and not hasattr(value, "item")):
        return value
    plain = value if isinstance(value, float) else _plain(value)
    if not isinstance(plain, float) or math.isfinite(plain):
        return plain
    if math.isnan(plain):
        return None
    issue = Issue(row, name, "an infinite number cannot be sent: JSON has none")
    raise InvalidRows(f"row {row}, feature {name!r}: {issue.message}", issues=[issue])
