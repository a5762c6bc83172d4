"""Columns that name a row or an entity instead of describing it."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
import pandas as pd

from pipelines.core.kinds import category_texts, to_numbers
from pipelines.core.problem import Kind

_NAMED = re.compile(r"(^|[\s_.\-])(?i:id|ids|uuid|guid)$|[a-z](Id|ID|Uuid|UUID|Guid|GUID)$")
_KEPT = frozenset({"__row", "__time", "__known_at", "__y", "__side", "__prediction", "__label"})
_FEWEST = 20
"""In fewer rows distinct values prove nothing."""


def is_named_id(name: str) -> bool:
    """Whether the name says that the column is an identifier.

    >>> [is_named_id(name) for name in ("id", "customer_id", "PassengerId", "Order ID", "paid", "idle")]
    [True, True, True, True, False, False]
    """
    return _NAMED.search(name.strip()) is not None


def is_reserved(name: str) -> bool:
    """Whether the name is kept for what Ratchet itself puts beside a table's columns.

    >>> [is_reserved(name) for name in ("__y", "__probability_yes", "prediction", "__x__")]
    [True, True, False, False]
    """
    return name in _KEPT or name.startswith("__probability_")


def choose_key(frame: pd.DataFrame, names: Iterable[str]) -> str | None:
    """The first column that calls itself an identifier and differs in every row; None without one."""
    for name in names:
        if is_named_id(name) and _all_differ(frame[name]) and len(frame) >= _FEWEST:
            return name
    return None


def identifies_rows(series: pd.Series, kind: Kind) -> str | None:
    """Why the column only tells rows apart; None when it does not. `kind` is what its values look like.

    >>> identifies_rows(pd.Series([f"row {n}" for n in range(60)]), "categorical")
    'each of 60 rows has a value of its own'
    """
    if kind in ("datetime", "text") and not _is_token(series, kind):
        return None
    distinct = "each of {:,} rows has a value of its own".format
    if kind == "ignored":
        return "it counts the rows" if _whole(series) else distinct(int(series.notna().sum()))
    if len(series) < _FEWEST or series.isna().mean() > 0.1 or not _all_differ(series.dropna()):
        return None
    if kind != "numeric":
        return distinct(int(series.notna().sum()))
    if not _whole(series):
        return None
    numbers = to_numbers(series.dropna())[0]
    if str(series.name).startswith("Unnamed: ") and (np.diff(numbers) > 0).all():
        return "it counts the rows"
    if series.isna().any():
        return None
    if numbers.min() in (0, 1) and numbers.max() - numbers.min() == len(numbers) - 1:
        return "it counts the rows"
    return distinct(len(series)) if is_named_id(str(series.name)) else None


def identifies_an_entity(series: pd.Series, kind: Kind) -> str | None:
    """Why the column names something with several rows, by its name and its many values; else None."""
    if not is_named_id(str(series.name)) or kind not in ("numeric", "categorical"):
        return None
    if kind == "numeric" and not _whole(series):
        return None
    filled = series.dropna()
    distinct = len(pd.unique(category_texts(filled)))
    if distinct <= max(_FEWEST, 0.02 * len(filled) if kind == "numeric" else 0.5 * len(filled)):
        return None
    return f"{distinct:,} of them in {len(filled):,} rows; if they share rows, name it in split.groups"


def _all_differ(series: pd.Series) -> bool:
    if series.isna().any() or not len(series):
        return False
    try:
        return bool(series.is_unique)
    except TypeError:  # lists and objects in a Parquet file have no hash
        return False


def _whole(series: pd.Series) -> bool:
    numbers, bad = to_numbers(series.dropna())
    return bool(len(numbers)) and not bad.any() and bool((np.floor(numbers) == numbers).all())


def _is_token(series: pd.Series, kind: Kind) -> bool:
    if kind != "text":
        return False
    sample = pd.Series(category_texts(series.dropna().iloc[:1000]), dtype=object)
    return bool(sample.str.count(r"\S+").mean() < 1.2)
