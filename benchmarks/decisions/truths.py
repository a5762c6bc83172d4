"""What a model's metrics truly are: closed forms and quadrature, no sampling.

The label is positive where a latent normal value of variance 1 lies above a cut. A model knows a part of that value,
`known` of its variance, and answers the probability that follows: it is calibrated, and its metrics are integrals over
what it knows. For regression the latent value is the label.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

_CELLS = 200_000
_REACH = 8.5
KINDS_OF_NOISE = ((0.8, 0.6), (0.2, 1.8867962264113207))
"""Shares and sizes of what no model knows in a regression: most rows are easy, a fifth is not; variance 1 in all."""


@lru_cache(maxsize=4096)
def binary_truth(positive: float, known: float) -> dict[str, float]:
    """The metrics of a calibrated model that knows `known` of the latent variance; `positive` is the base rate.

    >>> found = binary_truth(0.5, 0.5)
    >>> round(found["accuracy"], 3), round(found["recall"], 3)
    (0.75, 0.75)
    """
    edges = np.linspace(-_REACH, _REACH, _CELLS + 1)
    middle, weight = (edges[1:] + edges[:-1]) / 2, np.diff(ndtr(edges))
    cut = cut_for(positive)
    p = ndtr((np.sqrt(known) * middle - cut) / np.sqrt(1 - known))
    true, false = weight * p, weight * (1 - p)
    answered = p > 0.5
    hits, calls = float(true[answered].sum()), float(weight[answered].sum())
    below = np.cumsum(false) - false / 2
    safe = np.clip(p, 1e-300, 1 - 1e-16)
    return {
        "log_loss": float(-(true * np.log(safe) + false * np.log1p(-safe)).sum()),
        "brier": float((weight * p * (1 - p)).sum()),
        "roc_auc": float((true * below).sum() / (true.sum() * false.sum())),
        "accuracy": float((weight * np.maximum(p, 1 - p)).sum()),
        "precision": hits / calls if calls else float("nan"),
        "recall": hits / positive,
        "f1": 2 * hits / (calls + positive),
    }


def regression_truth(known: float, unknowable: float, daily: float = 0.0) -> dict[str, float]:
    """The metrics of the conditional mean; `unknowable`: the variance of what no model knows, `daily` of it by day.

    >>> round(regression_truth(0.75, 0.25)["rmse"], 3)
    0.5
    """
    mse = 1 - known
    rest = mse - unknowable
    sizes = [(share, rest + unknowable * (daily + (1 - daily) * size**2)) for share, size in KINDS_OF_NOISE]
    mae = sum(share * np.sqrt(2 / np.pi * variance) for share, variance in sizes)
    return {"rmse": float(np.sqrt(mse)), "mse": mse, "mae": float(mae), "r2": known}


def cut_for(positive: float) -> float:
    """Above which latent value the label is positive."""
    return float(-ndtri(positive))


@lru_cache(maxsize=1024)
def known_for(positive: float | None, metric: str, value: float) -> float:
    """How much a model must know to have this value of the metric; `positive` None: regression.

    >>> round(binary_truth(0.5, known_for(0.5, "roc_auc", 0.8))["roc_auc"], 6)
    0.8
    """
    if positive is None:
        return {"rmse": 1 - value**2, "mse": 1 - value, "r2": value}[metric]
    return float(brentq(lambda known: binary_truth(positive, known)[metric] - value, 1e-6, 0.98, xtol=1e-7))
