"""Explanation: which features a model goes by, and how its answer moves with each."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from pipelines.core.problem import HIGHER_IS_BETTER
from pipelines.core.resampling import interval, resample
from pipelines.core.tallies import formulas

if TYPE_CHECKING:
    from pipelines.core.evaluation.subject import Subject

_CELLS = 10_000_000  # rows x features that the permutations may ask about
_ROWS = (500, 2_000)
_BLOCKS = 100
_EFFECT_ROWS = 300
_EFFECTS = 5
_POINTS = 10
_CLASSES = 3


class Importance(BaseModel):
    """How much the primary metric falls when the feature is shuffled (Breiman 2001), with its interval;
    `contribution`: the mean absolute SHAP value on the scale of the model's raw answer, where there was time.
    """

    model_config = ConfigDict(frozen=True)

    feature: str
    fall: float
    low: float | None = None
    high: float | None = None
    contribution: float | None = None


class Effect(BaseModel):
    """Partial dependence (Friedman 2001): the mean answer with the feature set to each value.

    `answer` says what the answers are: a value, or the probability of a class (several classes: one effect each).
    """

    model_config = ConfigDict(frozen=True)

    feature: str
    values: list[float | str]
    answers: list[float]
    answer: str = ""


class Explanation(BaseModel):
    """Importances, the largest first; effects of the most important features; notes say what there was no time for."""

    model_config = ConfigDict(frozen=True)

    rows: int
    importances: list[Importance]
    effects: list[Effect]
    notes: list[str] = []


def explain(subject: Subject, deadline: float, contributions: Mapping[str, float], notes: list[str]) -> Explanation:
    """The explanation of a model by labelled rows; `deadline` is on `time.monotonic()`.

    How many rows and repeats there are follows from the number of features alone: only where time is over, which
    `notes` then tell, is the outcome the machine's. With too many features for all, those go first that contribute
    most. ValueError where the metric is undefined on the rows, as of one class.
    """
    count, rows, repeats = _plan(len(subject.names))
    some = subject.sample(rows)
    ranked = sorted(subject.names, key=lambda name: -contributions.get(name, 0.0))
    found = _importances(some, ranked[:count], repeats, deadline, contributions)
    found.sort(key=lambda one: (-one.fall, one.feature))
    effects = [effect for one in found[:_EFFECTS] if time.monotonic() < deadline for effect in _effects(subject, one)]
    told = [
        f"importance: fall of {some.metric} with one feature shuffled, mean of {repeats} on {len(some)} rows",
        *notes,
    ]
    if len(found) < len(ranked):
        why = "too many" if len(found) == count else "no time"
        told.append(f"{why} to shuffle each: {len(found)} of {len(ranked)} features")
    return Explanation(rows=len(some), importances=found, effects=effects, notes=told)


def _plan(features: int) -> tuple[int, int, int]:
    """(features shuffled, rows, repeats) that cost about the same for any number of features."""
    fewest, most = _ROWS
    for repeats in (5, 2):
        rows = _CELLS // (repeats * features**2)
        if rows >= fewest:
            return features, min(rows, most), repeats
    return min(features, max(20, _CELLS // (2 * fewest * features))), fewest, 2


def _importances(
    some: Subject, names: list[str], repeats: int, deadline: float, contributions: Mapping[str, float]
) -> list[Importance]:
    import pandas as pd

    drawn = resample(len(some), some.clusters, some.seed, _BLOCKS, paired=True)
    weights = np.vstack([np.ones(drawn.count), drawn.weights])
    sign = 1 if some.metric in HIGHER_IS_BETTER else -1

    def value(scores: np.ndarray) -> np.ndarray:
        return sign * formulas(some.task, some.y, scores, drawn)[some.metric](weights)

    whole = value(some.scores)
    if not np.isfinite(whole[0]):
        raise ValueError(f"{some.metric} is undefined on these rows")
    stacked = pd.concat([some.frame] * repeats, ignore_index=True)
    found = []
    for position, name in enumerate(names):
        if time.monotonic() > deadline:
            break
        source = np.random.default_rng([some.seed, position])
        order = np.concatenate([source.permutation(len(some)) for _ in range(repeats)])
        shuffled = stacked.assign(**{name: some.frame[name].take(order).set_axis(stacked.index)})
        scores = np.split(some.ask(shuffled), repeats)
        falls = whole - np.mean([value(one) for one in scores], axis=0)
        ends = interval(float(falls[0]), falls[1:], drawn.worth, some.confidence) or (None, None)
        contributed = contributions.get(name)
        found.append(
            Importance(feature=name, fall=float(falls[0]), low=ends[0], high=ends[1], contribution=contributed)
        )
    return found


def _effects(subject: Subject, important: Importance) -> list[Effect]:
    """The effect of a feature, one for each answer of interest; none for texts and features without values."""
    import pandas as pd

    name = important.feature
    some = subject.sample(_EFFECT_ROWS)
    grid, shown = _grid(subject.frame[name], subject.kinds[name])
    if len(grid) < 2:
        return []
    stacked = pd.concat([some.frame] * len(grid), ignore_index=True)
    values = grid.repeat(len(some)).set_axis(stacked.index)
    answers = some.answers(some.ask(stacked.assign(**{name: values})))
    if some.task == "multiclass":
        counts = np.bincount(subject.y.astype(np.int64), minlength=len(answers))
        kept = np.sort(np.argsort(-counts, kind="stable")[:_CLASSES])
        answers = {key: answers[key] for key in np.array(list(answers), dtype=object)[kept]}
    return [
        Effect(feature=name, values=shown, answers=one.reshape(len(grid), -1).mean(axis=1).tolist(), answer=key)
        for key, one in answers.items()
    ]


def _grid(column: Any, kind: str) -> tuple[Any, list[float | str]]:
    """The values that a feature is set to: the commonest, or quantiles from 5 to 95 %; and as they are written."""
    import pandas as pd

    known = column.dropna()
    if kind == "text" or known.empty:
        return known.iloc[:0], []
    if kind == "categorical":
        counts = known.value_counts().sort_index().sort_values(ascending=False, kind="stable")
        common = pd.Series(sorted(counts.index[:_POINTS]), dtype=column.dtype)
        return common, [str(one) for one in common]
    if known.nunique() <= _POINTS:
        grid = pd.Series(np.sort(known.unique()))
    else:
        at = np.linspace(0.05, 0.95, _POINTS)
        grid = pd.Series(np.unique(known.quantile(at, interpolation="nearest").to_numpy()))
    grid = grid.astype(column.dtype)
    return grid, [str(one) for one in grid] if kind == "datetime" else [float(one) for one in grid]
