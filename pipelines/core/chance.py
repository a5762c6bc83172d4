"""The distance that sampling alone makes between two samples of one population."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

_SMALLEST_SCALE = 1e-3


@dataclass(frozen=True)
class Chance:
    """The null distribution of a distance: Gaussian, or (with `degrees`) the root of a scaled chi-squared."""

    offset: float
    """The mean that sampling alone makes (Gaussian)."""
    scale: float
    """Standard deviation (Gaussian), or the factor of the root."""
    degrees: int | None = None

    def noise(self, rate: float) -> float:
        """The distance that chance exceeds with at most this probability.

        >>> round(Chance(0.1, 0.01).noise(0.001), 3)
        0.131
        """
        if self.scale == 0:
            return self.offset
        if self.degrees is None:
            return float(self.offset - self.scale * special.ndtri(rate))
        return float(self.scale * np.sqrt(special.chdtri(self.degrees, rate)))

    def p_value(self, score: float) -> float:
        """The probability that chance makes a distance as large: the inverse of `noise`.

        >>> chance = Chance(0.0, 0.05, degrees=4)
        >>> round(chance.p_value(chance.noise(0.01)), 6)
        0.01
        """
        if self.scale == 0:
            return float(score <= self.offset)
        if self.degrees is None:
            return float(special.ndtr((self.offset - score) / self.scale))
        return float(special.chdtrc(self.degrees, (score / self.scale) ** 2))


def numeric_chance(ordered: np.ndarray, before: int, now: int) -> Chance:
    """Of the first Wasserstein distance in standard deviations of the sorted reference, for samples of these sizes.

    Under the null its mean is sqrt(2/pi) s J with s² = 1/before + 1/now and J the integral of sqrt(F(1-F))
    (del Barrio, Giné & Matrán 1999). Moving one value moves the distance by at most its share, so that its
    standard deviation is at most s.

    >>> numeric_chance(np.array([1.0, 1.0]), 2, 2)
    Chance(offset=0.0, scale=0.0, degrees=None)
    """
    spread = max(float(np.std(ordered)), _SMALLEST_SCALE)
    below = np.arange(1, len(ordered)) / len(ordered)
    integral = float(np.sum(np.sqrt(below * (1 - below)) * np.diff(ordered))) / spread
    share = float(np.sqrt(1 / before + 1 / now))
    return Chance(share * float(np.sqrt(2 / np.pi)) * integral, share * bool(integral))


def categorical_chance(categories: int, before: int, now: int) -> Chance:
    """Of the Jensen-Shannon distance over so many categories, for samples of these sizes.

    Chi-squared with the bound JSD <= ln 2 / 2 * triangular discrimination (Topsøe 2000).

    >>> categorical_chance(3, 100, 100).degrees
    2
    """
    share = 1 / before + 1 / now
    return Chance(0.0, float(np.sqrt(np.log(2) / 4 * share)), max(categories - 1, 1))


def discovery_rate(p_values: np.ndarray, level: float) -> float:
    """The p-value up to which columns count, so that of those that do at most `level` are false on average.

    Holds whatever the dependence among the columns (Benjamini & Yekutieli 2001).

    >>> found = discovery_rate(np.array([1e-6, 1e-4, 0.5, 0.9]), 0.01)
    >>> round(found, 5), bool(found > 1e-4)
    (0.0024, True)
    """
    count = len(p_values)
    if not count:
        return level
    steps = np.arange(1, count + 1) * level / (count * float(np.sum(1 / np.arange(1, count + 1))))
    below = np.flatnonzero(np.sort(p_values) <= steps)
    return float(steps[below[-1]] if below.size else steps[0])
