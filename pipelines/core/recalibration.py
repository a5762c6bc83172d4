"""Recalibration: the line from what was said to what came; a calibrated model has it at slope 1 and intercept 0."""

from __future__ import annotations

import numpy as np
from scipy.special import expit, logit, stdtrit

from pipelines.core.metrics import Metric

_ROUNDS = 50
_SURE = 1e-9  # probabilities nearer to 0 and 1 than this count as this near


def recalibrate(
    said: np.ndarray, came: np.ndarray, block: np.ndarray, *, logistic: bool, confidence: float = 0.95
) -> tuple[Metric, Metric]:
    """(slope, intercept) of `came` on `said`, each with its interval; where there is no such line, with the reason.

    `logistic`: `came` is 0 or 1 and `said` a probability, and the line is one of log-odds (Cox, "Two further
    applications of a model for binary regression", Biometrika 1958). `block`: rows with equal values are dependent;
    the variance is Liang and Zeger's (Biometrika 1986).

    >>> said = np.linspace(0.0, 10.0, 50); noise = np.tile([-0.1, 0.1], 25)
    >>> slope, intercept = recalibrate(said, 1 + 2 * said + noise, np.arange(50), logistic=False)
    >>> round(slope.value), round(intercept.value, 1), slope.low < 2 < slope.high
    (2, 1.0, True)
    """
    x = logit(np.clip(said, _SURE, 1 - _SURE)) if logistic else said
    reason = _no_line(x, came, logistic)
    if reason is not None:
        return Metric(value=None, reason=reason), Metric(value=None, reason=reason)
    # Measured from the middle in units of the spread the sums are well conditioned; turned back at the end.
    middle, unit = float(x.mean()), float(x.std())
    table = np.column_stack([np.ones(len(x)), (x - middle) / unit])
    fitted = _logistic(table, came) if logistic else _least_squares(table, came)
    if fitted is None:
        reason = "the answers part the classes perfectly: the line is infinitely steep"
        return Metric(value=None, reason=reason), Metric(value=None, reason=reason)
    beta, residual, inverse = fitted
    back = np.array([[1.0, -middle / unit], [0.0, 1 / unit]])
    place = np.unique(block, return_inverse=True)[1]
    blocks = int(place.max()) + 1
    sums = np.column_stack([np.bincount(place, weights=column * residual) for column in table.T])
    widened = blocks / max(blocks - 1, 1)
    variance = back @ inverse @ (sums.T @ sums * widened) @ inverse @ back.T
    values = back @ beta
    if blocks < 3:
        intercept, slope = (Metric(value=float(one), reason="too few rows for an interval") for one in values)
        return slope, intercept
    reach = np.sqrt(np.maximum(np.diag(variance), 0)) * -stdtrit(blocks - 2, (1 - confidence) / 2)
    intercept, slope = (
        Metric(value=float(one), low=float(one - half), high=float(one + half))
        for one, half in zip(values, reach, strict=True)
    )
    return slope, intercept


_Fit = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Coefficients, residuals, and the inverse of the information matrix."""


def _no_line(x: np.ndarray, came: np.ndarray, logistic: bool) -> str | None:
    if len(x) < 5:
        return "too few rows for a line"
    if not x.std() > 1e-9 * max(1.0, float(np.abs(x).max())):
        return "all answers are the same"
    if logistic and came.min() == came.max():
        return "every row came out the same"
    return None


def _least_squares(table: np.ndarray, came: np.ndarray) -> _Fit:
    inverse = np.linalg.inv(table.T @ table)
    beta = inverse @ (table.T @ came)
    return beta, came - table @ beta, inverse


def _logistic(table: np.ndarray, came: np.ndarray) -> _Fit | None:
    """Newton's method; None where it runs away, as it does for classes that a threshold parts."""
    beta = np.zeros(2)
    beta[0] = logit(np.clip(came.mean(), 1e-6, 1 - 1e-6))
    for _ in range(_ROUNDS):
        chance = expit(table @ beta)
        weight = chance * (1 - chance)
        information = (table * weight[:, None]).T @ table
        if not np.isfinite(information).all() or np.linalg.cond(information) > 1e12 or np.abs(beta).max() > 50:
            return None
        inverse = np.linalg.inv(information)
        step = inverse @ (table.T @ (came - chance))
        size = np.abs(step).max()
        beta = beta + step * min(1.0, 5.0 / max(size, 1e-300))
        if size < 1e-9:
            return beta, came - expit(table @ beta), inverse
    return None
