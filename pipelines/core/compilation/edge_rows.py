"""Rows made to find out whether a compiled model differs: nulls, extremes, thresholds, odd dates, unseen categories."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from pipelines.core.compilation.compiled import Compiled
from pipelines.core.compilation.compiled_blocks import HUGE
from pipelines.core.compilation.tree_text import read_trees

_BASES = 5  # held-out rows that the others are made from
_MOST_CUTS = 40  # thresholds that are tried per column
_MOST_CATEGORIES = 2_000
_NUMBERS = (*(np.nan, 0.0, -0.0, 5e-324, -5e-324, 1e-36, -1e-36), *(1e30, -1e30, 1.7e308, -1.7e308, 1.0, -1.0))
_DATES = (
    *("NaT", "1900-01-01T00:00", "2100-12-31T23:59:59.999999", "1969-12-31T23:59:59.999999", "1970-01-01T00:00"),
    *("2024-02-29T12:00", "2023-12-31T23:59:59.999999", "2024-12-31T00:00", "0001-01-01T00:00", "9999-12-31T23:59"),
)
_CATEGORIES = (None, "", " ", "never seen", "\u00fcn\u00efcode \u4e2d", "nan", "None", "0")
_TEXTS = (None, "", " ", "?!", "a", "never seen words", "\u00dcBER \u4e2d\u6587 na\u00efve_word", "word " * 300)

Kinds = Mapping[str, str]
Cuts = Mapping[str, np.ndarray]


def edge_rows(compiled: Compiled, names: Sequence[str], kinds: Kinds, frame: pd.DataFrame) -> pd.DataFrame:
    """Made rows with the columns `names`, typed as held-out rows are; `kinds` says what each column holds.

    A row without any value comes first; every other is a held-out row with one value exchanged.
    """
    at = cuts(compiled)
    changes = [change for name in names for change in _changes(name, kinds[name], compiled, frame, at)]
    sample = frame[list(names)].iloc[: max(min(_BASES, len(frame)), 0)].reset_index(drop=True)
    if not len(sample):
        sample = pd.DataFrame({name: _typed([_nothing(kinds[name])], kinds[name]) for name in names})
    made: dict[str, Any] = {}
    for name in names:
        given = sample[name].tolist() if kinds[name] != "datetime" else list(sample[name].to_numpy().astype("M8[us]"))
        values = [_nothing(kinds[name])] + [given[position % len(given)] for position in range(len(changes))]
        for position, (changed, value) in enumerate(changes, start=1):
            if changed == name:
                values[position] = value
        made[name] = _typed(values, kinds[name])
    return pd.DataFrame(made)


def cuts(compiled: Compiled) -> dict[str, np.ndarray]:
    """By numeric column the numbers at which the model's answer may change: thresholds, or what it clips to."""
    found: dict[str, np.ndarray] = {}
    model, start = compiled.document["model"], 0
    trees = None
    if model["kind"] == "trees" and compiled.trees is not None:
        trees = read_trees(compiled.trees, sum(compiled.widths), model["outputs"])
    for block, width in zip(compiled.document["blocks"], compiled.widths, strict=True):
        if block["kind"] == "numbers" and "cyclic" not in block:
            for position, name in enumerate(block["columns"]):
                if "mean" in block:
                    found[name] = np.array([block[field][position] for field in ("low", "high", "fill")])
                elif trees is not None:
                    found[name] = np.unique(trees.threshold[trees.feature == start + position])
        start += width
    return found


def _changes(name: str, kind: str, compiled: Compiled, frame: pd.DataFrame, at: Cuts) -> Iterator[tuple[str, Any]]:
    if kind == "numeric":
        yield from ((name, value) for value in _NUMBERS)
        some = _spread(at.get(name, np.empty(0)))
        seen = frame[name].to_numpy(dtype=np.float64)
        seen = seen[np.isfinite(seen)]
        ends = [seen.min(), seen.max()] if len(seen) else []
        single = np.clip(some, -HUGE, HUGE).astype(np.float32).astype(np.float64)
        for value in (*ends, *some, *single):
            yield from (
                (name, float(one)) for one in (value, np.nextafter(value, np.inf), np.nextafter(value, -np.inf))
            )
    elif kind == "datetime":
        yield from ((name, np.datetime64(value, "us")) for value in _DATES)
    elif kind == "text":
        yield from ((name, value) for value in _TEXTS)
    else:
        known = [
            one
            for block in compiled.document["blocks"]
            if block["kind"] == "categories" and block["column"] == name
            for one in block["categories"]
        ]
        yield from ((name, value) for value in (*_CATEGORIES, *dict.fromkeys(known[:_MOST_CATEGORIES])))


def _spread(values: np.ndarray) -> np.ndarray:
    """At most some of the values, from all over their range."""
    if len(values) <= _MOST_CUTS:
        return values
    return values[np.linspace(0, len(values) - 1, _MOST_CUTS).astype(np.int64)]


def _nothing(kind: str) -> Any:
    return {"numeric": np.nan, "datetime": np.datetime64("NaT", "us")}.get(kind)


def _typed(values: list[Any], kind: str) -> Any:
    if kind == "numeric":
        return np.array(values, dtype=np.float64)
    if kind == "datetime":
        return np.array(values, dtype="M8[us]")
    return pd.Series(values, dtype=object)
