"""Reliability: from the probabilities that were said to those that the reference rows bore out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

_SURE = 1e-6  # probabilities nearer to 0 and 1 than this count as this near
_FEWEST = 200  # labels below which the answers are taken at their word
_FEWEST_OF_A_CLASS = 20
_RIDGE = 5.0  # draws towards "as said" where labels are few: slope and bias are off by 0.3 or so in most releases


@dataclass(frozen=True)
class Reliability:
    """Recalibrated probabilities: softmax(slope * log p + bias), Cox's line for two classes, his kin for more."""

    slope: float
    bias: np.ndarray
    """(classes,), 0 for the most frequent one and for those too rare to tell."""

    def recalibrated(self, said: np.ndarray) -> np.ndarray:
        """(n, k) probabilities from (n, k) probabilities.

        >>> Reliability(1.0, np.zeros(2)).recalibrated(np.array([[0.25, 0.75]])).round(2).tolist()
        [[0.25, 0.75]]
        """
        return softmax(self.slope * _logs(said) + self.bias, axis=1)


def fit_reliability(said: np.ndarray, came: np.ndarray) -> Reliability | None:
    """The line fitted to (n, k) probabilities and the (n,) classes that came; None where labels are too few.

    Cox, "Two further applications of a model for binary regression" (Biometrika 1958), and its form for several
    classes, bias-corrected temperature scaling (Alexandari, Kundaje & Shrikumar, ICML 2020).

    >>> fit_reliability(np.full((3, 2), 0.5), np.array([0, 1, 1])) is None
    True
    """
    if len(came) < _FEWEST:
        return None
    often = np.bincount(came, minlength=said.shape[1])
    frequent = int(often.argmax())
    free = np.flatnonzero((often >= _FEWEST_OF_A_CLASS) & (np.arange(len(often)) != frequent))
    if not len(free):
        return None
    logs, hit = _logs(said), np.zeros_like(said)
    hit[np.arange(len(came)), came] = 1.0

    def loss(told: np.ndarray) -> tuple[float, np.ndarray]:
        bias = np.zeros(said.shape[1])
        bias[free] = told[1:]
        answers = told[0] * logs + bias
        away = softmax(answers, axis=1) - hit
        value = -(hit * log_softmax(answers, axis=1)).sum() + _RIDGE * ((told[0] - 1) ** 2 + (told[1:] ** 2).sum())
        slope = (away * logs).sum() + 2 * _RIDGE * (told[0] - 1)
        return value / len(came), np.concatenate([[slope], away.sum(axis=0)[free] + 2 * _RIDGE * told[1:]]) / len(came)

    found = minimize(loss, np.concatenate([[1.0], np.zeros(len(free))]), jac=True, method="L-BFGS-B")
    if not np.isfinite(found.x).all() or found.x[0] <= 0:
        return None
    bias = np.zeros(said.shape[1])
    bias[free] = found.x[1:]
    return Reliability(float(found.x[0]), bias)


def _logs(said: np.ndarray) -> np.ndarray:
    return np.log(np.clip(said, _SURE, 1.0))
