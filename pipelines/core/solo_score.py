"""How well one column alone predicts the target, out of sample: fast enough for each of 1,500 columns."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.metrics import r2_score

from pipelines.core.problem import Task

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
Mask = NDArray[np.bool_]

_MOST_BINS = 200
# Narrow bins follow any shape, wide ones are less noisy: in a small table one of them does a column justice.
_ROWS_IN_A_BIN = (1, 4, 20)


def solo_score(cells: Floats | Codes, truth: Floats, task: Task, seed: int = 0) -> float:
    """The score of predicting a row by the mean target of its bin or category, fitted on other rows.

    Binary: ROC AUC. Multiclass: the share of the commonest class's errors that are avoided. Regression, with
    `truth` as ranks: R². Float cells are numbers (missing is a bin of its own), integers category codes.

    >>> x = np.linspace(0, 1, 500)
    >>> solo_score(x, (x > 0.3).astype(float), "binary") > 0.99
    True
    """
    rows = len(truth)
    folds = 5 if rows < 5000 else 2
    fold = np.random.default_rng(seed).permutation(rows) % folds
    return max(_score(_predict(cells, truth, task, fold, width), truth, task) for width in _widths(cells, rows))


def carried_score(cells: Floats | Codes, truth: Floats, task: Task, held: Mask) -> float:
    """The same score of the rows `held`, (n,), when the others alone are fitted on.

    >>> x = np.linspace(0, 1, 500)
    >>> carried_score(x, (x > 0.3).astype(float), "binary", np.arange(500) % 2 == 1) > 0.99
    True
    """
    found = []
    for width in _widths(cells, int((~held).sum())):
        means = _fitted_means(cells, truth, task, ~held, width)
        found.append(_score(means[held], truth[held], task))
    return max(found)


def _widths(cells: Floats | Codes, rows: int) -> tuple[int, ...]:
    by_value = cells.dtype.kind == "i" or rows > _MOST_BINS * max(_ROWS_IN_A_BIN)
    return _ROWS_IN_A_BIN[:1] if by_value else _ROWS_IN_A_BIN


def roc_auc(truth: Floats, scores: Floats) -> float:
    """The share of pairs of a 1 and a 0 in which the 1 scores higher, ties counting half (Mann-Whitney).

    >>> roc_auc(np.array([0.0, 1.0, 1.0]), np.array([0.1, 0.1, 0.7]))
    0.75
    """
    ones = truth == 1
    many, few = int(ones.sum()), int((~ones).sum())
    return float((rankdata(scores)[ones].sum() - many * (many + 1) / 2) / (many * few))


def _predict(cells: Floats | Codes, truth: Floats, task: Task, fold: Codes, width: int) -> Floats:
    classes = 1 if task != "multiclass" else int(truth.max()) + 1
    predicted = np.empty((len(truth), classes))
    for one in range(int(fold.max()) + 1):
        held = fold == one
        predicted[held] = _fitted_means(cells, truth, task, ~held, width)[held]
    return predicted


def _fitted_means(cells: Floats | Codes, truth: Floats, task: Task, fitting: Mask, width: int) -> Floats:
    """What the bin of each row, fitting or not, is worth: shape (n, classes)."""
    classes = 1 if task != "multiclass" else int(truth.max()) + 1
    bins = _bins(cells, fitting, width)
    return _bin_means(bins[fitting], truth[fitting], classes, int(bins.max()) + 1)[bins]


def _score(predicted: Floats, truth: Floats, task: Task) -> float:
    if task == "regression":
        return float(r2_score(truth, predicted[:, 0]))
    if task == "binary":
        return roc_auc(truth, predicted[:, 0])
    commonest = np.bincount(truth.astype(np.int64)).max() / len(truth)
    right = np.mean(predicted.argmax(axis=1) == truth)
    return float((right - commonest) / max(1 - commonest, 1e-9))


def _bins(cells: Floats | Codes, fitting: Mask, width: int) -> Codes:
    """The bin of each cell: a category's code, or a quantile bin cut on the fitting rows; 0 is missing."""
    if cells.dtype.kind == "i":
        return cells.astype(np.int64) + 1
    missing = np.isnan(cells)
    known = cells[fitting & ~missing]
    if not len(known):
        return np.where(missing, 0, 1)
    many = int(np.clip(len(known) // width, 2, _MOST_BINS))
    known.sort()
    edges: NDArray[Any] = known[np.flatnonzero(np.diff(known, append=np.inf))]
    if len(edges) > many:
        places = np.linspace(0, len(known) - 1, many + 1)[1:].astype(np.int64)
        edges = np.unique(known[places])
    above = np.searchsorted(edges, cells, side="left")
    return np.where(missing, 0, 1 + np.minimum(above, len(edges) - 1))


def _bin_means(bins: Codes, truth: Floats, classes: int, size: int) -> Floats:
    """The mean target (or each class's share) of each bin; that of all rows where a bin is empty."""
    counts = np.bincount(bins, minlength=size)
    columns = [truth] if classes == 1 else [(truth == code).astype(np.float64) for code in range(classes)]
    weight = 0.1
    means = [
        (np.bincount(bins, weights=one, minlength=size) + weight * one.mean()) / (counts + weight) for one in columns
    ]
    return np.column_stack(means)
