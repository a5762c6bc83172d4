"""Columns that know too much: suspicions for a person to decide, never verdicts.

A leak is a column that would not be known when the prediction is asked for. Four signs can be measured:
alone it predicts the target almost perfectly; whether it is filled tells the target; it is missing where the
target is missing, as columns are that are filled together with it; it is a part of a sum that is the target.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.metrics import r2_score

from pipelines.core.kinds import category_texts, date_form, to_datetimes, to_numbers
from pipelines.core.problem import Kind, Task
from pipelines.core.solo_score import Codes, Floats, Mask, solo_score

PERFECT: dict[Task, float] = {"binary": 0.97, "multiclass": 0.97, "regression": 0.97}
STRONG: dict[Task, float] = {"binary": 0.9, "multiclass": 0.9, "regression": 0.75}
TELLING: dict[Task, float] = {"binary": 0.8, "multiclass": 0.5, "regression": 0.3}
MEASURES: dict[Task, str] = {
    "binary": "ROC AUC",
    "multiclass": "accuracy between the commonest class at 0 and perfect at 1:",
    "regression": "R² of ranks",
}

_FEW = 20
_MOST_CLASSES = 50


@dataclass(frozen=True)
class Suspicion:
    """Why a column may know too much; `sure` is False where it may just be a good feature."""

    column: str
    reason: str
    score: float
    sure: bool = True


def suspect_leaks(
    frame: pd.DataFrame, y: Floats, task: Task, kinds: Mapping[str, Kind], seed: int = 0
) -> dict[str, Suspicion]:
    """The suspicions against the columns named in `kinds`; `y` holds class codes or values, NaN = unlabelled.

    >>> frame = pd.DataFrame({"paid_back": [0.0, 1.0] * 200, "size": np.arange(400) % 7})
    >>> y = np.tile([1.0, 0.0], 200)
    >>> list(suspect_leaks(frame, y, "binary", {"paid_back": "numeric", "size": "numeric"}))
    ['paid_back']
    """
    labelled = ~np.isnan(y)
    if labelled.sum() < _FEW:
        return {}
    truth = _few_classes(y[labelled]) if task == "multiclass" else y[labelled]
    if task == "regression":
        truth = pd.Series(truth).rank(pct=True).to_numpy()
    numeric = [column for column, kind in kinds.items() if kind == "numeric"]
    parts = _make_up_the_target(frame, y, numeric, seed) if task == "regression" else {}
    suspicions: dict[str, Suspicion] = {}
    for column, kind in kinds.items():
        missing = frame[column].isna().to_numpy()
        found = [
            _predicts_alone(column, frame[column][labelled], kind, truth, task, seed),
            _tells_by_missing(column, missing[labelled], truth, task),
            _missing_together(column, missing, labelled),
            parts.get(column),
        ]
        signs = [one for one in found if one is not None]
        if signs:
            suspicions[column] = _together(signs)
    return suspicions


def _together(signs: list[Suspicion]) -> Suspicion:
    return Suspicion(
        signs[0].column,
        "; ".join(one.reason for one in signs),
        max(one.score for one in signs),
        any(one.sure for one in signs),
    )


def _few_classes(codes: Floats) -> Floats:
    """Class codes renumbered by frequency; the classes beyond the fiftieth become one."""
    order = pd.Series(codes).value_counts(sort=True).index.to_numpy()
    place = {code: min(position, _MOST_CLASSES) for position, code in enumerate(order)}
    return np.array([place[code] for code in codes], dtype=np.float64)


def cells_of(series: pd.Series, kind: Kind) -> Floats | Codes:
    """A column as `solo_score` takes it: numbers, seconds, or codes of categories; missing is NaN or -1."""
    if kind == "numeric":
        numbers = to_numbers(series, booleans=True)[0]
        return np.where(np.isfinite(numbers), numbers, np.nan)
    if kind == "datetime":
        moments = to_datetimes(series, date_form(series))[0]
        return np.where(np.isnat(moments), np.nan, moments.astype(np.int64).astype(np.float64))
    return pd.factorize(category_texts(series))[0].astype(np.int64)


def _predicts_alone(
    column: str, series: pd.Series, kind: Kind, truth: Floats, task: Task, seed: int
) -> Suspicion | None:
    """The column's own score, when it is high enough to ask about."""
    if task != "regression" and np.sort(np.bincount(truth.astype(np.int64)))[-2] < 5:
        return None  # too few of the second class to tell luck from knowledge
    score = solo_score(cells_of(series, kind), truth, task, seed)
    measured = f"{MEASURES[task]} {score:.3f} out of sample"
    if score >= PERFECT[task]:
        return Suspicion(column, f"alone it predicts the target almost perfectly ({measured})", score)
    if score >= STRONG[task]:
        return Suspicion(column, f"alone it predicts the target very well ({measured})", score, sure=False)
    return None


def _tells_by_missing(column: str, missing: Mask, truth: Floats, task: Task) -> Suspicion | None:
    """Whether it is filled tells the target: filled after the event, or for one class only."""
    empty, filled = int(missing.sum()), int((~missing).sum())
    if min(empty, filled) < _FEW:
        return None
    if task != "regression":
        for rows, word in ((~missing, "filled"), (missing, "missing")):
            classes, counts = np.unique(truth[rows], return_counts=True)
            chance = np.mean(truth == classes[0]) ** len(truth[rows]) if len(classes) == 1 else 1.0
            if chance < 1e-6:
                return Suspicion(column, f"{word} for one class of the target only ({counts[0]:,} rows)", 1.0)
    score = solo_score(missing.astype(np.int64), truth, task)
    if score < TELLING[task]:
        return None
    return Suspicion(column, f"whether it is filled tells the target ({MEASURES[task]} {score:.3f})", score)


def _missing_together(column: str, missing: Mask, labelled: Mask) -> Suspicion | None:
    """Missing where the target is missing too: filled at the same time as it, or because of it."""
    unlabelled = ~labelled
    empty = int(missing.sum())
    if empty < _FEW or unlabelled.mean() > 0.5:
        return None
    share = float(unlabelled[missing].mean())
    if share < 0.9 or share < unlabelled.mean() + 0.2:
        return None
    return Suspicion(column, f"where it is missing, the target is missing too ({share:.0%} of {empty:,} rows)", share)


def _make_up_the_target(frame: pd.DataFrame, y: Floats, columns: list[str], seed: int) -> dict[str, Suspicion]:
    """The few columns whose weighted sum is the target exactly, as the parts of a total are."""
    rows = np.flatnonzero(~np.isnan(y))
    if not 2 <= len(columns) <= 200 or len(rows) < 3 * len(columns) or np.std(y[rows]) == 0:
        return {}
    values = np.column_stack([to_numbers(frame[column], booleans=True)[0][rows] for column in columns])
    usable = np.array([bool(np.isfinite(one).all() and np.ptp(one) > 0) for one in values.T])
    names, values = [name for name, keep in zip(columns, usable, strict=True) if keep], values[:, usable]
    if len(names) < 2:
        return {}
    values = (values - values.mean(axis=0)) / values.std(axis=0)
    truth = (y[rows] - y[rows].mean()) / y[rows].std()
    held = np.random.default_rng(seed).permutation(len(rows)) % 2 == 0
    weights = np.linalg.lstsq(values[~held], truth[~held], rcond=1e-9)[0]
    if r2_score(truth[held], values[held] @ weights) < 0.99999:
        return {}
    parts = [name for name, weight in zip(names, weights, strict=True) if abs(weight) > 1e-3]
    if len(parts) > 8:
        return {}
    reason = f"together {len(parts)} columns add up to the target exactly"
    return {part: Suspicion(part, reason, 1.0) for part in parts}
