"""The loss of answers by the labels that came in the end: for the report, never for a decision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.core.problem import Task

_SMALLEST = 1e-15  # probabilities are kept this far from 0, as scikit-learn does


@dataclass(frozen=True)
class Loss:
    """Sum of the losses of `rows` labelled rows: log losses, or squared errors."""

    total: float = 0.0
    rows: int = 0

    def value(self, task: Task) -> float | None:
        """The mean log loss, or the root of the mean squared error; None without rows.

        >>> Loss(8.0, 2).value("regression"), Loss().value("binary")
        (2.0, None)
        """
        if not self.rows:
            return None
        mean = self.total / self.rows
        return float(np.sqrt(mean)) if task == "regression" else mean


def pooled(losses: Sequence[Loss]) -> Loss:
    """All rows together.

    >>> pooled([Loss(1.0, 2), Loss(3.0, 2)])
    Loss(total=4.0, rows=4)
    """
    return Loss(sum(one.total for one in losses), sum(one.rows for one in losses))


def metric_of(task: Task) -> str:
    """The name of `Loss.value`."""
    return "rmse" if task == "regression" else "log_loss"


def measure(task: Task, labels: np.ndarray, scores: np.ndarray) -> Loss:
    """The loss of the rows that have a label and an answer.

    `labels`: (n,) class index or value, NaN: none. `scores`: (n,) values or (n, k) probabilities.

    >>> found = measure("binary", np.array([1.0, np.nan]), np.array([[0.5, 0.5], [0.1, 0.9]]))
    >>> round(found.total, 3), found.rows
    (0.693, 1)
    """
    table = scores[:, None] if scores.ndim == 1 else scores
    known = np.isfinite(labels) & np.isfinite(table).all(axis=1)
    y, table = labels[known], table[known]
    if task == "regression":
        return Loss(float(((table[:, 0] - y) ** 2).sum()), len(y))
    right = table[np.arange(len(y)), y.astype(int)]
    return Loss(float(-np.log(np.clip(right, _SMALLEST, 1.0)).sum()), len(y))
