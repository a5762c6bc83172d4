"""Calibration: whether what is said to be likely happens as often as said."""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel, ConfigDict

from pipelines.core.problem import Task


class Bin(BaseModel):
    """Rows with neighbouring answers: what was said on average, and what came."""

    model_config = ConfigDict(frozen=True)

    rows: int
    said: float
    came: float


class Calibration(BaseModel):
    """Bins of equal numbers of rows, and the expected calibration error: the mean gap, weighted by rows."""

    model_config = ConfigDict(frozen=True)

    bins: list[Bin]
    ece: float | None


def calibrate(task: Task, y: np.ndarray, scores: np.ndarray, bins: int = 10) -> Calibration:
    """The calibration of answers: the positive class (binary), the class answered (multiclass), or the value.

    Expected calibration error: Naeini, Cooper, Hauskrecht, AAAI 2015, with bins of equal mass.

    >>> calibrate("regression", np.array([1.0, 3.0]), np.array([1.0, 2.0]), bins=2).ece
    0.5
    """
    if not len(y) or not np.isfinite(scores).all():
        return Calibration(bins=[], ece=None)
    said, came = _said_and_came(task, y, scores)
    _, level = np.unique(said, return_inverse=True)
    order = np.argsort(level, kind="stable")
    cuts = np.array_split(order, min(bins, len(order)))
    made = [Bin(rows=len(cut), said=float(said[cut].mean()), came=float(came[cut].mean())) for cut in cuts]
    gap = sum(one.rows * abs(one.said - one.came) for one in made) / len(y)
    return Calibration(bins=made, ece=float(gap))


def _said_and_came(task: Task, y: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if task == "regression":
        return scores, y
    if task == "binary":
        return scores[:, 1], (y == 1).astype(np.float64)
    return scores.max(axis=1), (scores.argmax(axis=1) == y).astype(np.float64)
