"""Slices: the parts of the held-out rows that are judged one by one."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd

MOST_VALUES = 20
MOST_NUMBERS = 12
MISSING = "missing"
OTHERS = "(others)"


def slice_values(column: pd.Series) -> np.ndarray:
    """Each row's slice of a column, as text, shape (n,): its category, quarter of the numbers, or month.

    At most 20 slices, the largest; the rest is together under "(others)". Missing values are a slice.

    >>> slice_values(pd.Series(["a", None, "b"])).tolist()
    ['a', 'missing', 'b']
    >>> sorted(set(slice_values(pd.Series(range(100)))))
    ['24.75 to 49.5', '49.5 to 74.25', 'above 74.25', 'up to 24.75']
    """
    codes, names = slice_codes(column)
    return np.array(names, dtype=object)[codes]


def slice_codes(column: pd.Series) -> tuple[np.ndarray, list[str]]:
    """The same as codes, shape (n,), and the name of each code, in order of the names: fast for many rows.

    >>> codes, names = slice_codes(pd.Series(["b", None, "a"]))
    >>> codes.tolist(), names
    ([1, 2, 0], ['a', 'b', 'missing'])
    """
    missing = column.isna().to_numpy()
    if pd.api.types.is_datetime64_any_dtype(column):
        codes, names = _of_moments(column)
    elif pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        codes, names = _of_numbers(column.to_numpy(dtype=np.float64, na_value=np.nan))
    else:
        codes, values = pd.factorize(column)
        names = [str(value) for value in values]
    codes = np.where(missing, len(names), codes)
    kept, place = np.unique(np.array([*names, MISSING], dtype=object).astype(str), return_inverse=True)
    return _largest(place[codes], [str(name) for name in kept])


def _largest(codes: np.ndarray, names: list[str]) -> tuple[np.ndarray, list[str]]:
    """Only the names that occur; the smallest under one name where they are too many."""
    counts = np.bincount(codes, minlength=len(names))
    order = np.argsort(-counts, kind="stable")
    occurring = int((counts > 0).sum())
    kept = {names[one] for one in order[: occurring if occurring <= MOST_VALUES else MOST_VALUES - 1]}
    texts = [name if name in kept else OTHERS for name in names]
    final, place = np.unique(np.array(texts), return_inverse=True)
    used, codes = np.unique(place[codes], return_inverse=True)
    return codes, [str(final[one]) for one in used]


def _of_moments(column: pd.Series) -> tuple[np.ndarray, list[str]]:
    known = column[column.notna()]
    month = (known.dt.year * 12 + known.dt.month - 1).to_numpy(dtype=np.int64)
    months, place = np.unique(month, return_inverse=True)
    codes = np.zeros(len(column), dtype=np.int64)
    codes[column.notna().to_numpy()] = place
    return codes, [f"{one // 12:04d}-{one % 12 + 1:02d}" for one in months]


def _of_numbers(values: np.ndarray) -> tuple[np.ndarray, list[str]]:
    finite = np.isfinite(values)
    distinct, place = np.unique(values, return_inverse=True)
    if np.isfinite(distinct).sum() <= MOST_NUMBERS:
        return place, [f"{value:g}" for value in distinct]
    cuts = np.unique(np.quantile(values[finite], [0.25, 0.5, 0.75]))
    names = [f"up to {cuts[0]:g}"]
    names += [f"{low:g} to {high:g}" for low, high in pairwise(cuts)]
    names.append(f"above {cuts[-1]:g}")
    return np.searchsorted(cuts, values, side="left").clip(max=len(cuts)), names
