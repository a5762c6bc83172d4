"""Tallies: a model's hits and losses added up per block, and every metric as a function of those sums."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from pipelines.core.problem import Task
from pipelines.core.resampling import Resampling

_CHUNK = 512

Formula = Callable[[np.ndarray], np.ndarray]
"""Block weights, shape (draws, blocks), to the metric's value per draw; NaN where it is undefined."""


def formulas(task: Task, y: np.ndarray, scores: np.ndarray, resampling: Resampling) -> dict[str, Formula]:
    """Every metric of the task as a formula over block weights; what is costly is added up when first asked for.

    `y`: class codes or values, shape (n,); `scores`: probabilities (n, classes), or values (n,).
    """
    if task == "regression":
        return _regression(y, scores, resampling)
    return _classification(y.astype(np.intp), scores, resampling)


def log_losses(y: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Minus the log of the probability given to the true class, clipped as scikit-learn does; shape (n,)."""
    given = scores[np.arange(len(y)), y.astype(np.intp)]
    return -np.log(np.clip(given / scores.sum(axis=1), np.finfo(np.float64).eps, 1.0))


def brier_losses(y: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Squared distance to the truth; halved for two classes to be (p - y)² (scikit-learn's default)."""
    truth = np.zeros_like(scores)
    truth[np.arange(len(y)), y.astype(np.intp)] = 1
    distance = ((scores - truth) ** 2).sum(axis=1)
    return distance / 2 if scores.shape[1] == 2 else distance


def counted_shares(y: np.ndarray, scores: np.ndarray) -> dict[str, tuple[int, int]]:
    """Hits and count of the metrics that are shares of rows; f1 as the share f1 / (2 - f1) of rows true or answered.

    >>> counted_shares(np.array([0, 1, 1]), np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]))
    {'accuracy': (2, 3), 'precision': (1, 1), 'recall': (1, 2), 'f1': (1, 2)}
    """
    answer = scores.argmax(axis=1)
    found = {"accuracy": (int((answer == y).sum()), len(y))}
    if scores.shape[1] == 2:
        answered, true = answer == 1, y == 1
        both = int((answered & true).sum())
        found["precision"] = (both, int(answered.sum()))
        found["recall"] = (both, int(true.sum()))
        found["f1"] = (both, int((answered | true).sum()))
    return found


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    empty = below == 0
    return np.where(empty, np.nan, above / np.where(empty, 1.0, below))


class _Sums:
    """Values per row added up per block, and per draw by one product for all of them."""

    def __init__(self, resampling: Resampling, **values: np.ndarray) -> None:
        tables = [resampling.sums(one).reshape(resampling.count, -1) for one in values.values()]
        ends = np.cumsum([table.shape[1] for table in tables])
        self._table = np.column_stack(tables)
        self._place = {
            name: int(end) - 1 if one.ndim == 1 else slice(int(end) - one.shape[1], int(end))
            for (name, one), end in zip(values.items(), ends, strict=True)
        }
        self._last: tuple[np.ndarray, np.ndarray] | None = None

    def of(self, weights: np.ndarray, name: str) -> np.ndarray:
        """The sums of one kind of value per draw: (draws,), or (draws, m) where there are m values per row."""
        if self._last is None or self._last[0] is not weights:
            self._last = weights, weights @ self._table
        return self._last[1][:, self._place[name]]

    def mean(self, name: str) -> Formula:
        """The mean of one kind of value; `rows` must be among the sums."""
        return lambda weights: _ratio(self.of(weights, name), self.of(weights, "rows"))


def _regression(y: np.ndarray, scores: np.ndarray, resampling: Resampling) -> dict[str, Formula]:
    centred, error = y - y.mean(), scores - y
    values = {"rows": np.ones(len(y)), "first": centred, "second": centred**2, "mse": error**2, "mae": np.abs(error)}
    sums = _Sums(resampling, **values)
    mse = sums.mean("mse")
    smallest = np.finfo(np.float64).eps * max(1.0, float(np.abs(y).max())) ** 2 * len(y)

    def r2(weights: np.ndarray) -> np.ndarray:
        spread = sums.of(weights, "second") - _ratio(sums.of(weights, "first") ** 2, sums.of(weights, "rows"))
        return 1 - _ratio(sums.of(weights, "mse"), np.where(spread <= smallest, 0.0, spread))

    return {"rmse": lambda weights: np.sqrt(mse(weights)), "mae": sums.mean("mae"), "mse": mse, "r2": r2}


def _classification(y: np.ndarray, scores: np.ndarray, resampling: Resampling) -> dict[str, Formula]:
    classes = np.arange(scores.shape[1])
    answer = scores.argmax(axis=1)
    judged = classes[1:] if len(classes) == 2 else classes
    is_true, is_answer = ((one[:, None] == judged).astype(np.float64) for one in (y, answer))
    sums = _Sums(
        resampling,
        rows=np.ones(len(y)),
        log_loss=log_losses(y, scores),
        brier=brier_losses(y, scores),
        accuracy=(answer == y).astype(np.float64),
        right=is_true * is_answer,
        answered=is_answer,
        true=is_true,
    )

    def share(name: str) -> Formula:
        def formula(weights: np.ndarray) -> np.ndarray:
            right, answered, true = (sums.of(weights, one) for one in ("right", "answered", "true"))
            below = {"precision": answered, "recall": true, "f1": (answered + true) / 2}[name]
            if len(classes) == 2:
                return _ratio(right, below)[:, 0]
            # Macro average over the classes that occur, as scikit-learn: what was never answered counts as 0.
            occurs = answered + true > 0
            values = np.where(below > 0, _ratio(right, below), 0.0)
            return _ratio((values * occurs).sum(axis=1), occurs.sum(axis=1))

        return formula

    return {
        **{name: sums.mean(name) for name in ("log_loss", "brier", "accuracy")},
        "roc_auc": _roc_auc(y, scores[:, judged], judged, resampling),
        **{name: share(name) for name in ("precision", "recall", "f1")},
    }


def _roc_auc(y: np.ndarray, scores: np.ndarray, judged: np.ndarray, resampling: Resampling) -> Formula:
    """Area under the ROC curve; several classes: the mean of one-against-the-rest over those that occur."""

    @cache
    def parts() -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        found = []
        for position, code in enumerate(judged):
            positive = y == code
            if positive.any() and not positive.all():
                pairs = concordant_pairs(positive, scores[:, position], resampling)
                found.append((pairs, resampling.sums(positive.astype(float)), resampling.sums(~positive * 1.0)))
        return found

    def formula(weights: np.ndarray) -> np.ndarray:
        if not parts():
            return np.full(len(weights), np.nan)
        areas = np.column_stack([_area(weights, *part) for part in parts()])
        known = np.isfinite(areas)
        return _ratio(np.where(known, areas, 0.0).sum(axis=1), known.sum(axis=1))

    return formula


def _area(weights: np.ndarray, pairs: np.ndarray, positives: np.ndarray, negatives: np.ndarray) -> np.ndarray:
    return _ratio(((weights @ pairs) * weights).sum(axis=1), (weights @ positives) * (weights @ negatives))


def concordant_pairs(positive: np.ndarray, score: np.ndarray, resampling: Resampling) -> np.ndarray:
    """How many (positive row of block i, negative row of block j) stand in the right order; ties count half.

    Shape (blocks, blocks). With block weights w the area under the curve is wᵀ A w / (wᵀ p · wᵀ n), so one
    pass over the sorted rows serves all draws. The rarer class is what the pass goes along.
    """
    rows = np.flatnonzero(positive), np.flatnonzero(~positive)
    block = resampling.block
    if len(rows[0]) <= len(rows[1]):
        return _beaten(score[rows[0]], block[rows[0]], score[rows[1]], block[rows[1]], resampling.count)
    return _beaten(-score[rows[1]], block[rows[1]], -score[rows[0]], block[rows[0]], resampling.count).T


def _beaten(high: np.ndarray, mine: np.ndarray, low: np.ndarray, theirs: np.ndarray, blocks: int) -> np.ndarray:
    """How many of `low` in block j lie below each of `high` in block i, ties half; the blocks are `mine`, `theirs`."""
    pairs = np.zeros((blocks, blocks))
    levels, level = np.unique(high, return_inverse=True)
    # Twice the count of the lower rows, so that ties stay whole numbers: once from below, once up to the tie.
    enters = np.concatenate([np.searchsorted(levels, low, side="left"), np.searchsorted(levels, low, side="right")])
    cell = enters * blocks + np.concatenate([theirs, theirs])
    cell.sort()
    chunk = level // _CHUNK
    order = np.lexsort((mine, chunk))
    turns = np.searchsorted(chunk[order], np.arange(1, chunk.max(initial=0) + 1))
    below: np.ndarray = np.zeros(blocks, dtype=np.int32)
    for turn, won in enumerate(np.split(order, turns)):
        first = turn * _CHUNK
        size = min(_CHUNK, len(levels) - first)
        start, stop = np.searchsorted(cell, [first * blocks, (first + size) * blocks])
        entered = np.bincount(cell[start:stop] - first * blocks, minlength=size * blocks)
        counts = entered.astype(np.int32).reshape(size, blocks)
        counts[0] += below
        np.cumsum(counts, axis=0, out=counts)
        below = counts[-1]
        block, starting = np.unique(mine[won], return_index=True)
        pairs[block] += np.add.reduceat(counts[level[won] - first], starting, axis=0, dtype=np.float64)
    return pairs / 2
