"""Medians, percentiles and ratios of what was measured."""

from __future__ import annotations

import math
from collections.abc import Sequence


def median(values: Sequence[float]) -> float:
    """The middle one; of an even number the mean of the two in the middle.

    >>> median([3, 1, 2]), median([4, 1, 2, 3])
    (2, 2.5)
    """
    ordered, half = sorted(values), len(values) // 2
    return ordered[half] if len(values) % 2 else (ordered[half - 1] + ordered[half]) / 2


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of the values does not exceed (nearest rank).

    >>> percentile([1, 2, 3, 4], 0.5), percentile(range(1, 101), 0.99)
    (2, 99)
    """
    ordered = sorted(values)
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]


def spread(values: Sequence[float]) -> float:
    """How far apart the rounds are: (largest - smallest) / median; 0 for a single one.

    >>> spread([9, 10, 11])
    0.2
    """
    middle = median(values)
    return (max(values) - min(values)) / middle if middle else 0.0


def ratio(one: float | None, other: float | None) -> float | None:
    """one / other, None where either was not measured.

    >>> ratio(10, 4), ratio(None, 4)
    (2.5, None)
    """
    return one / other if one is not None and other else None
