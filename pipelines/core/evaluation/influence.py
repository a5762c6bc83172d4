"""Influence: a metric within each group of rows, and how far each row moves it.

A metric less its true value is about the mean of the rows' influences (the infinitesimal jackknife: Efron, "The
Jackknife, the Bootstrap and Other Resampling Plans", 1982), so that sums of influences per cluster give its variance,
and differences of influences that of a paired difference, for hundreds of groups at once.
"""

from __future__ import annotations

import numpy as np

from pipelines.core.problem import Task
from pipelines.core.tallies import brier_losses, log_losses

Influence = tuple[np.ndarray, np.ndarray]
"""The metric of each group, (groups,), NaN where undefined; the influence of each row on its group's, (n,)."""


def influence(task: Task, metric: str, y: np.ndarray, scores: np.ndarray, group: np.ndarray, groups: int) -> Influence:
    """The metric within each of the groups 0..groups-1, and each row's influence on that of its own group.

    `y`: class codes or values, shape (n,); `scores`: (n, classes) or (n,); `group`: each row's group, (n,). Within a
    group the influences add up to 0.

    >>> y = np.array([0.0, 1.0, 0.0, 1.0]); p = np.array([0.2, 0.9, 0.6, 0.4])
    >>> value, moved = influence("binary", "roc_auc", y, np.column_stack([1 - p, p]), np.zeros(4, int), 1)
    >>> value.tolist(), moved.tolist()
    ([0.75], [0.5, 0.5, -0.5, -0.5])
    """
    rows = np.bincount(group, minlength=groups).astype(np.float64)
    if task == "regression":
        return _regression(metric, y, scores, group, rows)
    codes = y.astype(np.intp)
    if metric == "log_loss":
        return _ratio(log_losses(codes, scores), None, group, rows)
    if metric == "brier":
        return _ratio(brier_losses(codes, scores), None, group, rows)
    if metric == "accuracy":
        return _ratio((scores.argmax(axis=1) == codes).astype(np.float64), None, group, rows)
    classes = [1] if scores.shape[1] == 2 else range(scores.shape[1])
    if metric == "roc_auc":
        return _average([_area(codes == one, scores[:, one], group, rows) for one in classes], group)
    answer = scores.argmax(axis=1)
    return _average([_share(metric, codes == one, answer == one, group, rows) for one in classes], group)


def _ratio(above: np.ndarray, below: np.ndarray | None, group: np.ndarray, rows: np.ndarray) -> Influence:
    """A ratio of sums per group; without `below` a mean."""
    below = np.ones(len(above)) if below is None else below
    sums = np.bincount(group, weights=below, minlength=len(rows))
    known = np.where(sums > 0, sums, np.nan)
    value = np.bincount(group, weights=above, minlength=len(rows)) / known
    moved = (above - value[group] * below) * (rows / known)[group]
    return value, np.nan_to_num(moved)


def _regression(metric: str, y: np.ndarray, scores: np.ndarray, group: np.ndarray, rows: np.ndarray) -> Influence:
    error = scores - y
    if metric == "mae":
        return _ratio(np.abs(error), None, group, rows)
    if metric == "r2":
        centre = np.bincount(group, weights=y, minlength=len(rows)) / np.maximum(rows, 1)
        spread = (y - centre[group]) ** 2
        smallest = np.finfo(np.float64).eps * max(1.0, float(np.abs(y).max(initial=0))) ** 2
        spread[spread <= smallest] = 0.0
        value, moved = _ratio(error**2, spread, group, rows)
        return 1 - value, -moved
    value, moved = _ratio(error**2, None, group, rows)
    if metric == "mse":
        return value, moved
    root = np.sqrt(value)
    return root, moved / np.where(root > 0, 2 * root, 1.0)[group]


def _share(metric: str, true: np.ndarray, answered: np.ndarray, group: np.ndarray, rows: np.ndarray) -> Influence:
    """Precision, recall or F1 of one class; 0 where it is true but never answered, as scikit-learn has it."""
    below = {"precision": answered * 1.0, "recall": true * 1.0, "f1": (answered * 1.0 + true) / 2}[metric]
    value, moved = _ratio((true & answered) * 1.0, below, group, rows)
    occurs = np.bincount(group, weights=true | answered, minlength=len(rows)) > 0
    return np.where(np.isnan(value) & occurs, 0.0, value), moved


def _average(parts: list[Influence], group: np.ndarray) -> Influence:
    """The mean over the classes for which the metric is defined."""
    values = np.array([value for value, _ in parts])
    known = np.isfinite(values)
    many = known.sum(axis=0)
    value = np.where(many > 0, np.where(known, values, 0.0).sum(axis=0) / np.maximum(many, 1), np.nan)
    moved = sum((moved for _, moved in parts), np.zeros(len(group)))
    return value, moved / np.maximum(many, 1)[group]


def _area(positive: np.ndarray, score: np.ndarray, group: np.ndarray, rows: np.ndarray) -> Influence:
    """Area under the ROC curve by structural components (DeLong, DeLong, Clarke-Pearson 1988)."""
    groups = len(rows)
    wins = np.bincount(group, weights=positive, minlength=groups)
    losses = rows - wins
    known = (wins > 0) & (losses > 0)
    below, above = _placed(positive, score, group, wins)
    other = np.where(positive, losses[group], wins[group])
    share = np.where(positive, below, above) / np.maximum(other, 1)
    value = np.bincount(group, weights=share * positive, minlength=groups) / np.maximum(wins, 1)
    own = np.where(positive, wins[group], losses[group])
    moved = (share - value[group]) * rows[group] / np.maximum(own, 1)
    return np.where(known, value, np.nan), np.where(known[group], moved, 0.0)


def _placed(
    positive: np.ndarray, score: np.ndarray, group: np.ndarray, wins: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """How many negatives of its group lie below each row, and how many positives above; ties count half."""
    order = np.lexsort((score, group))
    group, score, lost = group[order], score[order], ~positive[order]
    first = np.flatnonzero(np.r_[True, (np.diff(group) != 0) | (np.diff(score) != 0)])
    run = np.repeat(np.arange(len(first)), np.diff(np.r_[first, len(order)]))
    in_run = np.add.reduceat(lost, first, dtype=np.int64)
    before = np.cumsum(in_run) - in_run
    start = np.searchsorted(group, np.arange(len(wins)))
    passed = np.r_[0, np.cumsum(lost)]
    below = (before + in_run / 2)[run] - passed[start][group]
    size = np.diff(np.r_[first, len(order)])[run]
    rank = (first[run] - start[group]) + size / 2  # rows of the group below, ties half
    found = np.empty((2, len(order)))
    found[0, order], found[1, order] = below, wins[group] - (rank - below)
    return found[0], found[1]
