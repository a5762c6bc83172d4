"""How well a release did in a window, from the labels that have come: loss, skill, calibration."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from pipelines.core.problem import Task

_SMALLEST = 1e-15  # probabilities are kept this far from 0, as scikit-learn does
_BLOCKS = 7  # a window shorter than a week is cut into so many blocks of time
_DAY = np.timedelta64(1, "D")


@dataclass(frozen=True)
class Performance:
    """The loss of the labelled rows with an interval, and what puts it into proportion."""

    metric: str
    """`log_loss` or `rmse`."""
    value: float
    low: float
    high: float
    labels: int
    skill: float | None
    """1 - loss / loss of always answering the window's own base rate (or mean): 0 is no better than that."""
    calibration_gap: float | None
    """Mean answer minus mean label (for binary the mean probability); None for several classes."""
    base_rate: float | None
    """Share of the positive class, or mean label."""


def window_performance(
    task: Task, labels: np.ndarray, scores: np.ndarray, moments: np.ndarray, confidence: float = 0.95
) -> Performance | None:
    """The performance over the rows with a label (not NaN) and a score; None when fewer than two.

    `labels`: (n,) class index or value. `scores`: (n,) values or (n, k) probabilities. `moments`: (n,)
    datetime64. The interval is a cluster-robust t interval (Liang & Zeger 1986) over days, or over sevenths
    of a shorter window, since rows of one day share their luck; for regression its ends are roots.

    >>> found = window_performance("binary", np.array([0.0, 1.0]), np.array([[0.5, 0.5]] * 2),
    ...     np.array(["2013-01-01", "2013-01-02"], dtype="datetime64[us]"))
    >>> round(found.value, 3), found.skill, found.calibration_gap
    (0.693, 0.0, 0.0)
    """
    table = scores[:, None] if scores.ndim == 1 else scores
    known = np.isfinite(labels) & np.isfinite(table).all(axis=1)
    if known.sum() < 2:
        return None
    y, table, moments = labels[known], table[known], moments[known]
    order = np.lexsort((y, *table.T, moments))  # sums in one order, whatever the order of the rows
    y, table, moments = y[order], table[order], moments[order]
    losses = _losses(task, y, table)
    value, low, high = _interval(losses, _blocks(moments), confidence)
    skill = _skill(task, y, float(losses.mean()))
    if task == "regression":
        value, low, high = (float(np.sqrt(max(one, 0.0))) for one in (value, low, high))
        gap, base = float((table[:, 0] - y).mean()), float(y.mean())
    elif task == "binary":
        gap, base = float(table[:, 1].mean() - y.mean()), float(y.mean())
    else:
        return Performance("log_loss", value, low, high, len(y), skill, None, None)
    return Performance("rmse" if task == "regression" else "log_loss", value, low, high, len(y), skill, gap, base)


def _losses(task: Task, y: np.ndarray, table: np.ndarray) -> np.ndarray:
    if task == "regression":
        return (table[:, 0] - y) ** 2
    total = table.sum(axis=1, keepdims=True)
    right = (table / np.where(total > 0, total, 1.0))[np.arange(len(y)), y.astype(int)]
    return -np.log(np.clip(right, _SMALLEST, 1.0))


def _skill(task: Task, y: np.ndarray, loss: float) -> float | None:
    """None where always answering the base rate is perfect: nothing can be better."""
    if task == "regression":
        best = float(np.var(y))
    else:
        shares = np.unique(y, return_counts=True)[1] / len(y)
        best = float(-(shares * np.log(shares)).sum())
    return 1 - loss / best if best > 0 else None


def _blocks(moments: np.ndarray) -> np.ndarray:
    """The block of time of each row; rows of one moment are each their own (nothing tells them apart)."""
    span = moments.max() - moments.min()
    if span == np.timedelta64(0, "us"):
        return np.arange(len(moments))
    length = _DAY if span >= 5 * _DAY else max(span // _BLOCKS, np.timedelta64(1, "us"))
    start = moments.min().astype("datetime64[D]") if length == _DAY else moments.min()
    return np.unique((moments - start) // length, return_inverse=True)[1]


def _interval(losses: np.ndarray, blocks: np.ndarray, confidence: float) -> tuple[float, float, float]:
    mean, n = float(losses.mean()), len(losses)
    clusters = int(blocks.max()) + 1
    if clusters < 3:  # two blocks say nothing of how blocks differ
        blocks, clusters = np.arange(n), n
    sums = np.bincount(blocks, weights=losses - mean, minlength=clusters)
    error = float(np.sqrt(clusters / (clusters - 1) * (sums**2).sum())) / n
    reach = float(stats.t.ppf((1 + confidence) / 2, clusters - 1)) * error
    return mean, mean - reach, mean + reach
