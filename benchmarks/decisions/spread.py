"""How far what the rows show spreads from duel to duel, and what follows for any test of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.special import ndtr, ndtri


@dataclass(frozen=True)
class Spread:
    """Count, sum and sum of squares of a figure of many duels; those of several processes add up."""

    count: int = 0
    total: float = 0.0
    squares: float = 0.0

    @classmethod
    def of(cls, value: float) -> Spread:
        """Of one duel; none of one that could not be told."""
        return cls(1, value, value * value) if math.isfinite(value) else cls()

    def __add__(self, other: Spread) -> Spread:
        return Spread(self.count + other.count, self.total + other.total, self.squares + other.squares)

    def bound(self, error: float) -> float | None:
        """How often a test tells the figure from 0 that knows how far it spreads, and spends the whole error on it.

        No test that goes by the figure does better, whatever it is: a real one has to find the spread in the same rows.
        The figure itself is as good as can be had without knowing the law of the rows: a mean, or an area (Bickel,
        Klaassen, Ritov and Wellner, "Efficient and Adaptive Estimation for Semiparametric Models", 1993).

        >>> far = Spread.of(1.0) + Spread.of(3.0)
        >>> round(far.bound(0.05), 2), Spread().bound(0.05)
        (0.64, None)
        """
        if self.count < 2:
            return None
        mean = self.total / self.count
        variance = self.squares / self.count - mean**2
        return float(ndtr(mean / math.sqrt(variance) + ndtri(error))) if variance > 0 else None
