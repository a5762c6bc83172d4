"""Intervals of metrics from their bootstrap replicates, each on the scale where its spread is even.

A percentile interval leans the wrong way where a metric is skewed: a loss, or an area near 1. Student's t with the
bootstrap's standard error is steadier, on the scale that suits the metric: the logarithm for losses, the logit for
shares and areas (Efron & Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 12; for the area under the ROC
curve Pepe 2003, 5.2.5). Counts have Wilson's interval. How often they hold the truth: `make bench-decisions`.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from scipy.special import stdtrit

from pipelines.core.resampling import Resampling, interval, wilson

Scale = Literal["log", "logit", "rest"]
"""`rest`: the logarithm of 1 - value, as for R²."""
FEWEST_BLOCKS = 5
FEWEST_COUNTED = 20
_LARGEST = 50.0  # on a scale: e to the 50th stands for no bound at all


def scaled_interval(
    value: float, replicates: np.ndarray, blocks: float, confidence: float, scale: Scale
) -> tuple[float, float] | None:
    """The interval of `value` from its replicates: Student's t on the scale; it always holds the value.

    At a scale's end, and for fewer than five blocks, the expanded percentile interval. None as in `interval`.

    >>> low, high = scaled_interval(0.5, np.array([0.4, 0.5, 0.6]), 100, 0.95, "logit")
    >>> round(low, 3), round(high, 3)
    (0.343, 0.657)
    """
    inside = {"log": value > 0, "logit": 0 < value < 1, "rest": value < 1}[scale]
    if not inside or blocks < FEWEST_BLOCKS or not _defined(replicates):
        return interval(value, replicates, blocks, confidence)
    steep = {"log": value, "logit": value * (1 - value), "rest": 1 - value}[scale]
    reach = min(
        -float(stdtrit(blocks - 1, (1 - confidence) / 2)) * standard_error(replicates, blocks) / steep, _LARGEST
    )
    if scale == "log":
        return value * math.exp(-reach), value * math.exp(reach)
    if scale == "rest":
        return 1 - (1 - value) * math.exp(reach), 1 - (1 - value) * math.exp(-reach)
    odds = value / (1 - value)
    low, high = odds * math.exp(-reach), odds * math.exp(reach)
    return min(low / (1 + low), value), max(high / (1 + high), value)


def share_interval(
    hits: float, count: float, replicates: np.ndarray, drawn: Resampling, confidence: float
) -> tuple[float, float] | None:
    """The interval of the share hits / count (Wilson 1927), widened where rows of a cluster go together.

    Rows of clusters count for less by the design effect (Kish 1965), never for more. Where there are twenty hits and
    twenty misses the clusters' own spread is known well enough: `scaled_interval`.

    >>> from pipelines.core.resampling import resample
    >>> low, high = share_interval(20, 20, np.ones(9), resample(20), 0.95); round(low, 3), high
    (0.839, 1.0)
    """
    share = hits / count
    if not drawn.clustered:
        return wilson(hits, count, confidence)
    if min(hits, count - hits) >= FEWEST_COUNTED:
        return scaled_interval(share, replicates, drawn.worth, confidence, "logit")
    if drawn.count < 2 or not _defined(replicates):
        return None
    alone = wilson(hits, count, confidence)
    worth = share * (1 - share) / max(standard_error(replicates, drawn.worth), 1e-12) ** 2
    if not 0 < worth < count:
        return alone
    joined = wilson(share * worth, worth, confidence, drawn.worth)
    return min(alone[0], joined[0]), max(alone[1], joined[1])


def standard_error(replicates: np.ndarray, blocks: float) -> float:
    """The spread of the defined replicates; drawing from few blocks makes them too narrow, which is mended.

    >>> round(standard_error(np.array([1.0, 3.0, np.nan]), 2), 3)
    1.414
    """
    return float(np.std(replicates[np.isfinite(replicates)]) * math.sqrt(blocks / (blocks - 1)))


def _defined(replicates: np.ndarray) -> bool:
    """Whether a statistic is known for half of the draws at least."""
    return bool(2 * np.isfinite(replicates).sum() >= max(len(replicates), 1))
