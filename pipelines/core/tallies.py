"""Tallies: a model's hits and losses added up per block, and every metric as a function of those sums."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pipelines.core.problem import Task
from pipelines.core.resampling import Resampling

_CHUNK = 4096

Formula = Callable[[np.ndarray], np.ndarray]
"""Block weights, shape (draws, blocks), to the metric's value per draw; NaN where it is undefined."""


def formulas(task: Task, y: np.ndarray, scores: np.ndarray, resampling: Resampling) -> dict[str, Formula]:
    """Every metric of the task as a formula over block weights.

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


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    empty = below == 0
    return np.where(empty, np.nan, above / np.where(empty, 1.0, below))


def _mean(sums: np.ndarray, rows: np.ndarray) -> Formula:
    return lambda weights: _ratio(weights @ sums, weights @ rows)


def _regression(y: np.ndarray, scores: np.ndarray, resampling: Resampling) -> dict[str, Formula]:
    centred = y - y.mean()
    error = scores - y
    rows = resampling.sums(np.ones(len(y)))
    mse = _mean(resampling.sums(error**2), rows)
    first, second = resampling.sums(centred), resampling.sums(centred**2)
    smallest = np.finfo(np.float64).eps * max(1.0, float(np.abs(y).max())) ** 2 * len(y)

    def r2(weights: np.ndarray) -> np.ndarray:
        count = weights @ rows
        spread = weights @ second - _ratio((weights @ first) ** 2, count)
        return 1 - _ratio(mse(weights) * count, np.where(spread <= smallest, 0.0, spread))

    return {
        "rmse": lambda weights: np.sqrt(mse(weights)),
        "mae": _mean(resampling.sums(np.abs(error)), rows),
        "mse": mse,
        "r2": r2,
    }


@dataclass(frozen=True)
class _Cells:
    """Right answers, answers and truths of each class, per block: shape (blocks, classes)."""

    right: np.ndarray
    answered: np.ndarray
    true: np.ndarray

    def per_class(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return weights @ self.right, weights @ self.answered, weights @ self.true


def _classification(y: np.ndarray, scores: np.ndarray, resampling: Resampling) -> dict[str, Formula]:
    classes = np.arange(scores.shape[1])
    answer = scores.argmax(axis=1)
    rows = resampling.sums(np.ones(len(y)))
    is_true = (y[:, None] == classes).astype(np.float64)
    is_answer = (answer[:, None] == classes).astype(np.float64)
    cells = _Cells(*(resampling.sums(one) for one in (is_true * is_answer, is_answer, is_true)))
    judged = classes[1:] if len(classes) == 2 else classes

    def share(name: str) -> Formula:
        def formula(weights: np.ndarray) -> np.ndarray:
            right, answered, true = (one[:, judged] for one in cells.per_class(weights))
            below = {"precision": answered, "recall": true, "f1": (answered + true) / 2}[name]
            if len(classes) == 2:
                return _ratio(right, below)[:, 0]
            # Macro average over the classes that occur, as scikit-learn: what was never answered counts as 0.
            occurs = answered + true > 0
            values = np.where(below > 0, _ratio(right, below), 0.0)
            return _ratio((values * occurs).sum(axis=1), occurs.sum(axis=1))

        return formula

    return {
        "log_loss": _mean(resampling.sums(log_losses(y, scores)), rows),
        "brier": _mean(resampling.sums(brier_losses(y, scores)), rows),
        "roc_auc": _roc_auc(y, scores[:, judged], judged, resampling),
        "accuracy": _mean(cells.right.sum(axis=1), rows),
        "precision": share("precision"),
        "recall": share("recall"),
        "f1": share("f1"),
    }


def _roc_auc(y: np.ndarray, scores: np.ndarray, judged: np.ndarray, resampling: Resampling) -> Formula:
    """Area under the ROC curve; several classes: the mean of one-against-the-rest over those that occur."""
    parts = []
    for position, code in enumerate(judged):
        positive = y == code
        if positive.any() and not positive.all():
            pairs = concordant_pairs(positive, scores[:, position], resampling)
            parts.append((pairs, resampling.sums(positive.astype(float)), resampling.sums(~positive * 1.0)))

    def formula(weights: np.ndarray) -> np.ndarray:
        if not parts:
            return np.full(len(weights), np.nan)
        areas = np.column_stack([_area(weights, *part) for part in parts])
        known = np.isfinite(areas)
        return _ratio(np.where(known, areas, 0.0).sum(axis=1), known.sum(axis=1))

    return formula


def _area(weights: np.ndarray, pairs: np.ndarray, positives: np.ndarray, negatives: np.ndarray) -> np.ndarray:
    return _ratio(((weights @ pairs) * weights).sum(axis=1), (weights @ positives) * (weights @ negatives))


def concordant_pairs(positive: np.ndarray, score: np.ndarray, resampling: Resampling) -> np.ndarray:
    """How many (positive row of block i, negative row of block j) stand in the right order; ties count half.

    Shape (blocks, blocks). With block weights w the area under the curve is wᵀ A w / (wᵀ p · wᵀ n), so one
    pass over the sorted rows serves all draws.
    """
    blocks = resampling.count
    pairs = np.zeros((blocks, blocks))
    below = np.zeros(blocks)
    _, level = np.unique(score, return_inverse=True)
    order = np.argsort(level, kind="stable")
    starts = np.searchsorted(level[order], np.arange(0, level.max() + 1, _CHUNK))
    for first, start, stop in zip(
        range(0, int(level.max()) + 1, _CHUNK), starts, [*starts[1:], len(order)], strict=True
    ):
        rows = order[start:stop]
        here = level[rows] - first
        size = int(here.max()) + 1
        lost = ~positive[rows]
        cell = here[lost] * blocks + resampling.block[rows][lost]
        negatives = np.bincount(cell, minlength=size * blocks).reshape(size, blocks).astype(np.float64)
        ranked = below + np.cumsum(negatives, axis=0) - negatives / 2
        below = below + negatives.sum(axis=0)
        won = rows[positive[rows]]
        if len(won):
            won = won[np.argsort(resampling.block[won], kind="stable")]
            block, starting = np.unique(resampling.block[won], return_index=True)
            pairs[block] += np.add.reduceat(ranked[level[won] - first], starting, axis=0)
    return pairs
