"""Metrics with confidence intervals, for classification and regression, and comparisons of two models."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict

from pipelines.core.intervals import Scale, scaled_interval, share_interval
from pipelines.core.problem import CLASSIFICATION_METRICS, HIGHER_IS_BETTER, REGRESSION_METRICS, Task
from pipelines.core.resampling import MOST_BLOCKS, Resampling, interval, resample
from pipelines.core.tallies import brier_losses, counted_shares, formulas, log_losses

_Counted = tuple[int, int]
_DRAWS = 2000  # enough for a standard error; the far tails of a gain take all draws
_SCALES: dict[str, Scale] = {
    **dict.fromkeys(("roc_auc", "accuracy", "precision", "recall", "f1"), "logit"),
    **dict.fromkeys(("log_loss", "brier", "rmse", "mae", "mse"), "log"),
    "r2": "rest",
}
_ZERO_ONE = ("accuracy", "precision", "recall", "f1")


class Metric(BaseModel):
    """A value and its confidence interval; `reason` says why one of them is missing."""

    model_config = ConfigDict(frozen=True)

    value: float | None
    low: float | None = None
    high: float | None = None
    reason: str | None = None


class Comparison(BaseModel):
    """How much better the candidate is than the champion on the same rows; above 0 is better."""

    model_config = ConfigDict(frozen=True)

    metric: str
    difference: float | None
    low: float | None = None
    high: float | None = None
    reason: str | None = None


def metric_names(task: Task) -> tuple[str, ...]:
    """The metrics that a scorecard of this task has.

    >>> metric_names("regression")
    ('rmse', 'mae', 'mse', 'r2')
    """
    return REGRESSION_METRICS if task == "regression" else CLASSIFICATION_METRICS


def metrics(
    task: Task,
    y: np.ndarray,
    scores: np.ndarray,
    *,
    clusters: np.ndarray | None = None,
    confidence: float = 0.95,
    seed: int = 0,
    names: Sequence[str] | None = None,
) -> dict[str, Metric]:
    """Each metric's value and interval; undefined ones have no value and a reason; nothing is raised.

    `y`: class codes 0..k-1 or values, shape (n,), no NaN; `scores`: probabilities (n, k), or values (n,);
    `clusters`: rows with equal values are dependent (a day, a group). Intervals depend on the rows' order
    unless there are clusters: put rows in a canonical order first.

    >>> y = np.array([0, 1, 1, 0]); p = np.array([0.2, 0.9, 0.6, 0.4])
    >>> found = metrics("binary", y, np.column_stack([1 - p, p]))
    >>> found["roc_auc"].value, round(found["log_loss"].value, 3), found["accuracy"].low < 1
    (1.0, 0.338, True)
    >>> metrics("binary", np.ones(4), np.column_stack([1 - p, p]))["roc_auc"].reason
    'only one class among the labels'
    """
    wanted = names or metric_names(task)
    if (problem := _unfit(y, scores)) is not None:
        return {name: Metric(value=None, reason=problem) for name in wanted}
    drawn = resample(len(y), clusters, seed, blocks_for(scores))
    available = formulas(task, y, scores, drawn)
    counted = {} if task == "regression" else counted_shares(y, scores)
    whole, weights = np.ones((1, drawn.count)), drawn.weights[:_DRAWS]
    values = {name: float(available[name](whole)[0]) for name in wanted}
    replicates = {name: available[name](weights) for name in wanted}
    return {
        name: _metric(name, value, replicates[name], drawn, confidence, counted.get(name))
        if np.isfinite(value)
        else Metric(value=None, reason=_why_undefined(name, y))
        for name, value in values.items()
    }


def compare(
    task: Task,
    metric: str,
    y: np.ndarray,
    candidate: np.ndarray,
    champion: np.ndarray,
    *,
    clusters: np.ndarray | None = None,
    confidence: float = 0.95,
    seed: int = 0,
) -> Comparison:
    """The candidate's gain on `metric` over the champion on the same rows and draws (paired bootstrap).

    >>> y = np.arange(50.0)
    >>> gain = compare("regression", "mae", y, y + 1, y + 3)
    >>> gain.difference, gain.low, gain.high
    (2.0, 2.0, 2.0)
    """
    return comparisons(task, metric, y, candidate, champion, (confidence,), clusters=clusters, seed=seed)[0]


def comparisons(
    task: Task,
    metric: str,
    y: np.ndarray,
    candidate: np.ndarray,
    champion: np.ndarray,
    confidences: Sequence[float],
    *,
    clusters: np.ndarray | None = None,
    seed: int = 0,
) -> list[Comparison]:
    """`compare` at several confidences, for the price of one.

    The ends are percentiles of draws that do not know the scores: what improves the candidate improves every draw,
    and never lowers an end. Studentised or bias-corrected ends cover no better here, and would break that.

    >>> y = np.arange(50.0)
    >>> [round(one.low, 1) for one in comparisons("regression", "mae", y, y + y % 2, y + 3, (0.8, 0.99))]
    [2.4, 2.3]
    """
    if (problem := _unfit(y, candidate) or _unfit(y, champion)) is not None:
        return [Comparison(metric=metric, difference=None, reason=problem) for _ in confidences]
    drawn = resample(len(y), clusters, seed, blocks_for(candidate), paired=True)
    sign = 1 if metric in HIGHER_IS_BETTER else -1
    ours, theirs = (formulas(task, y, scores, drawn)[metric] for scores in (candidate, champion))
    whole = np.ones((1, drawn.count))
    difference = float(sign * (ours(whole) - theirs(whole))[0]) + 0.0  # never -0.0
    if not np.isfinite(difference):
        return [Comparison(metric=metric, difference=None, reason=_why_undefined(metric, y)) for _ in confidences]
    replicates = sign * (ours(drawn.weights) - theirs(drawn.weights))
    return [_gain(metric, difference, interval(difference, replicates, drawn.worth, one)) for one in confidences]


def mean_interval(
    values: np.ndarray, *, clusters: np.ndarray | None = None, confidence: float = 0.95, seed: int = 0
) -> Metric:
    """The mean of values per row, shape (n,), with its interval.

    >>> mean_interval(np.ones(30)).low
    1.0
    """
    if not len(values) or not np.isfinite(values).all():
        return Metric(value=None, reason="no rows" if not len(values) else "values are not finite")
    drawn = resample(len(values), clusters, seed)
    sums, rows = drawn.sums(values), drawn.sums(np.ones(len(values)))
    value = float(values.mean())
    ends = interval(value, (drawn.weights @ sums) / (drawn.weights @ rows), drawn.worth, confidence)
    if ends is None:
        return Metric(value=value, reason="too few rows for an interval")
    return Metric(value=value, low=ends[0], high=ends[1])


def per_row_loss(task: Task, y: np.ndarray, scores: np.ndarray, metric: str | None = None) -> np.ndarray:
    """Each row's loss, shape (n,), less is better: the one that belongs to `metric`.

    Squared or absolute error; log loss (also for roc_auc), Brier, or 1 for a wrong answer (accuracy,
    precision, recall, f1).

    >>> per_row_loss("regression", np.array([1.0, 2.0]), np.array([1.5, 0.0]), "rmse").tolist()
    [0.25, 4.0]
    """
    if task == "regression":
        return np.abs(scores - y) if metric == "mae" else (scores - y) ** 2
    if metric == "brier":
        return brier_losses(y, scores)
    if metric in _ZERO_ONE:
        return (scores.argmax(axis=1) != y).astype(np.float64)
    return log_losses(y, scores)


def confusion_matrix(y: np.ndarray, scores: np.ndarray) -> list[list[int]]:
    """Rows: the true class; columns: the class answered.

    >>> confusion_matrix(np.array([0, 1, 1]), np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]))
    [[1, 0], [1, 1]]
    """
    classes = scores.shape[1]
    cells = np.bincount(y.astype(np.intp) * classes + scores.argmax(axis=1), minlength=classes**2)
    return cells.reshape(classes, classes).tolist()


def better(metric: str, one: float, other: float) -> bool:
    """Whether `one` is strictly better than `other`.

    >>> better("log_loss", 0.3, 0.4), better("roc_auc", 0.3, 0.4)
    (True, False)
    """
    return one > other if metric in HIGHER_IS_BETTER else one < other


def blocks_for(scores: np.ndarray) -> int:
    """How many blocks the rows are put into, at most: fewer for many classes, whose curves cost rows x blocks.

    >>> blocks_for(np.ones((5, 2))), blocks_for(np.ones((5, 20)))
    (100, 50)
    """
    classes = scores.shape[1] if scores.ndim == 2 else 2
    return MOST_BLOCKS if classes <= 3 else MOST_BLOCKS // 2


def _unfit(y: np.ndarray, scores: np.ndarray) -> str | None:
    if not len(y):
        return "no labelled rows"
    return None if np.isfinite(scores).all() else "the model's answers are not all finite numbers"


def _gain(metric: str, difference: float, ends: tuple[float, float] | None) -> Comparison:
    low, high = ends or (None, None)
    reason = "too few rows for an interval" if ends is None else None
    return Comparison(metric=metric, difference=difference, low=low, high=high, reason=reason)


def _metric(
    name: str, value: float, replicates: np.ndarray, drawn: Resampling, confidence: float, counted: _Counted | None
) -> Metric:
    if counted is None:
        ends = scaled_interval(value, replicates, drawn.worth, confidence, _SCALES[name])
    elif name == "f1":
        share = share_interval(*counted, replicates / (2 - replicates), drawn, confidence)
        ends = None if share is None else (2 * share[0] / (1 + share[0]), 2 * share[1] / (1 + share[1]))
    else:
        ends = share_interval(*counted, replicates, drawn, confidence)
    if ends is None:
        return Metric(value=value, reason="too few rows for an interval")
    return Metric(value=value, low=min(ends[0], value), high=max(ends[1], value))


def _why_undefined(name: str, y: np.ndarray) -> str:
    if name == "r2":
        return "the labels are all equal"
    alone = len(np.unique(y)) < 2
    return "only one class among the labels" if alone else "no row was answered with the positive class"
