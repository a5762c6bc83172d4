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
    missing = column.isna().to_numpy()
    if pd.api.types.is_datetime64_any_dtype(column):
        texts = column.dt.strftime("%Y-%m").to_numpy(dtype=object)
    elif pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        texts = _of_numbers(column.to_numpy(dtype=np.float64, na_value=np.nan))
    else:
        texts = column.astype(str).to_numpy(dtype=object)
    texts = np.where(missing, MISSING, texts).astype(object)
    counts = pd.Series(texts).value_counts().sort_index().sort_values(ascending=False, kind="stable")
    if len(counts) > MOST_VALUES:
        kept = set(counts.index[: MOST_VALUES - 1])
        texts = np.array([text if text in kept else OTHERS for text in texts], dtype=object)
    return texts


def _of_numbers(values: np.ndarray) -> np.ndarray:
    known = values[np.isfinite(values)]
    distinct = np.unique(known)
    if len(distinct) <= MOST_NUMBERS:
        return np.array([f"{value:g}" for value in values], dtype=object)
    cuts = np.unique(np.quantile(known, [0.25, 0.5, 0.75]))
    names = [f"up to {cuts[0]:g}"]
    names += [f"{low:g} to {high:g}" for low, high in pairwise(cuts)]
    names.append(f"above {cuts[-1]:g}")
    return np.array(names, dtype=object)[np.searchsorted(cuts, values, side="left").clip(max=len(cuts))]
