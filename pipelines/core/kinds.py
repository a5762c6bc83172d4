"""What a column holds: its kind, and its values read as numbers, moments or category texts.

Each reading exists for one value (`core/values.py`, requests) and for a whole column (here, frames), and the
answers are the same: a column is read by the scalar function on its distinct values wherever no exact array
operation exists.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.core.moments import find_form
from pipelines.core.problem import Kind
from pipelines.core.values import category_text, describe, is_missing, to_datetime, to_number

__all__ = [
    "category_text",
    "category_texts",
    "date_form",
    "describe",
    "infer_kind",
    "is_missing",
    "plain_values",
    "to_datetime",
    "to_datetimes",
    "to_number",
    "to_numbers",
]

_NAT = np.datetime64("NaT", "us")
_EXACT = 2**53
_SAMPLE = 20_000
_MOSTLY = 0.98  # the share that must read as a number or a date; the rest is quarantined, with its reason
Objects = NDArray[np.object_]
Mask = NDArray[np.bool_]


def infer_kind(series: pd.Series) -> Kind:
    """The kind that suits the values; `ignored` when there are none, or they only number or name the rows.

    >>> columns = ([1.5, 2], ["a", "b", "a"], ["2013-01-01", "2013-02-01"], [True], [None])
    >>> [infer_kind(pd.Series(values)) for values in columns]
    ['numeric', 'categorical', 'datetime', 'categorical', 'ignored']
    """
    filled = series.dropna()
    if filled.empty:
        return "ignored"
    kind = plain_values(filled.iloc[:1]).dtype.kind
    if kind == "b":
        return "categorical"
    if kind == "M":
        return "datetime"
    if kind in "iu" and np.abs(filled.astype(float)).max() > _EXACT:
        return _kind_of_texts(pd.Series(category_texts(filled)))  # names of things: as float64 many would be one
    if kind in "iufm":
        return "ignored" if kind in "iuf" and _numbers_the_rows(series) else "numeric"
    sample = _spread(filled)
    if pd.api.types.infer_dtype(sample, skipna=True) == "boolean":
        return "categorical"
    if _mostly(to_numbers, sample):
        nothing = np.isnan(to_numbers(sample)[0]).all()
        return "ignored" if nothing or _numbers_the_rows(series) else "numeric"
    form = date_form(sample)
    if _mostly(lambda values: to_datetimes(values, form), sample):
        return "datetime"
    return _kind_of_texts(pd.Series(category_texts(filled)))


def date_form(series: pd.Series) -> str | None:
    """The strptime form of a text column that is not ISO 8601; None when ISO reads it, or nothing does."""
    filled = series.dropna()
    sample = [one for one in _spread(filled, 200) if isinstance(one, str)]
    if not sample or to_datetimes(pd.Series(sample))[1].mean() <= 1 - _MOSTLY:
        return None
    form = find_form(sample)
    if form is None or "%d" not in form or "%m" not in form:
        return form
    # Days above 12 may be rare: the whole column says whether days or months come first.
    return find_form([one for one in _spread(filled, _SAMPLE) if isinstance(one, str)])


def _mostly(read: Callable[[pd.Series], tuple[Any, Mask]], sample: pd.Series) -> bool:
    """Whether nearly all values can be read so; a look at a few tells most columns of words at once."""
    return read(_spread(sample, 200))[1].mean() <= 0.2 and read(sample)[1].mean() <= 1 - _MOSTLY


def _spread(series: pd.Series, size: int = _SAMPLE) -> pd.Series:
    """At most `size` values, evenly spread over the column: files are often sorted."""
    return series if len(series) <= size else series.iloc[np.linspace(0, len(series) - 1, size).astype(int)]


def _numbers_the_rows(series: pd.Series) -> bool:
    """Whether the values just count the rows from 0 or 1: an exported index, not a measurement."""
    if len(series) < 20:
        return False
    numbers, _ = to_numbers(series)
    low = numbers.min()
    return bool(low in (0, 1) and numbers.max() == low + len(numbers) - 1 and len(np.unique(numbers)) == len(numbers))


def _kind_of_texts(texts: pd.Series) -> Kind:
    distinct = texts.nunique()
    if distinct <= 20 or distinct <= 0.2 * len(texts):
        return "categorical"
    sample = _spread(texts)
    words = sample.str.count(r"\S+").mean()
    if words >= 5 or (words >= 3 and distinct > 0.5 * len(texts)) or sample.str.len().mean() > 60:
        return "text"
    # One name per row says nothing of any other row.
    return "ignored" if distinct == len(texts) and distinct >= 50 else "categorical"


def plain_values(series: pd.Series) -> NDArray[Any]:
    """The column as a NumPy array of dtype bool, int, float, datetime64 (UTC-naive), timedelta64, object."""
    dtype = series.dtype
    if isinstance(dtype, pd.DatetimeTZDtype):
        return series.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
    if isinstance(dtype, np.dtype):
        return series.to_numpy()
    return series.astype(object).where(series.notna(), None).to_numpy(dtype=object)


def category_texts(series: pd.Series) -> Objects:
    """`category_text` of each value: an object array (n,) of str and None."""
    values = plain_values(series)
    if values.dtype == object:
        content = pd.api.types.infer_dtype(values, skipna=True)
        if content in ("string", "empty"):
            return _masked(values)
        if content not in ("boolean", "integer", "floating"):
            return _each(values, category_text, object)
    codes, distinct = pd.factorize(values)
    # The last place stands for missing: factorize gives those -1.
    texts = np.array([*(category_text(one) for one in distinct), None], dtype=object)
    return texts[codes]


def _masked(values: Objects) -> Objects:
    texts = values.copy()
    texts[pd.isna(values)] = None
    return texts


def to_numbers(series: pd.Series, booleans: bool = False) -> tuple[NDArray[np.float64], Mask]:
    """`to_number` of each value: numbers (n,), NaN where missing or bad; and the mask of the bad ones."""
    values = plain_values(series)
    fine = np.zeros(len(values), dtype=bool)
    if values.dtype.kind in "iuf":
        return values.astype(np.float64), fine
    if values.dtype.kind == "b":
        return (values.astype(np.float64), fine) if booleans else (np.full(len(values), np.nan), ~fine)
    if values.dtype.kind == "m":
        return pd.to_timedelta(values).total_seconds().to_numpy(dtype=np.float64), fine
    if values.dtype.kind != "O":
        return np.full(len(values), np.nan), pd.notna(values)
    return _read(values, lambda value: to_number(value, booleans), np.nan, np.float64)


def to_datetimes(series: pd.Series, form: str | None = None) -> tuple[NDArray[np.datetime64], Mask]:
    """`to_datetime` of each value: datetime64[us] (n,), NaT where missing or bad; the mask of the bad."""
    values = plain_values(series)
    if values.dtype.kind == "M":
        return values.astype("datetime64[us]"), np.zeros(len(values), dtype=bool)
    if values.dtype.kind == "b":
        return np.full(len(values), _NAT), np.ones(len(values), dtype=bool)
    return _read(values, lambda value: to_datetime(value, form), _NAT, np.dtype("datetime64[us]"))


def _read(values: NDArray[Any], reader: Callable[[Any], Any], missing: Any, dtype: Any) -> tuple[NDArray[Any], Mask]:
    """`reader` of each value, once per distinct value where distinct values are safe to find."""
    if values.dtype == object and pd.api.types.infer_dtype(values, skipna=True) not in ("string", "integer"):
        return _read_each(values, reader, missing, dtype)  # 1, True and 1.0 are one value to a hash table
    codes, distinct = pd.factorize(values)
    read, bad = _read_each(distinct, reader, missing, dtype)
    read = np.append(read, np.array([missing], dtype=dtype))
    return read[codes], np.append(bad, False)[codes]


def _read_each(
    values: NDArray[Any], reader: Callable[[Any], Any], missing: Any, dtype: Any
) -> tuple[NDArray[Any], Mask]:
    read = np.full(len(values), missing, dtype=dtype)
    bad = np.zeros(len(values), dtype=bool)
    for position, value in enumerate(values):
        try:
            read[position] = reader(value)
        except ValueError:
            bad[position] = True
    return read, bad


def _each(values: Objects, reader: Callable[[Any], Any], dtype: Any) -> Objects:
    read = np.empty(len(values), dtype=dtype)
    read[:] = [reader(value) for value in values]
    return read
