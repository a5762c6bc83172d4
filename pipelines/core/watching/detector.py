"""The sequential test: how much evidence blocks of time have gathered that a mean lies above a tolerance.

An e-detector: the Shiryaev-Roberts sum, over all moments since which things may have changed, of e-values for a change
at that moment (Shin, Ramdas & Rinaldo, "E-detectors: a nonparametric framework for sequential change detection", 2024).
While the mean is no more than the tolerance, the sum reaches A no sooner than after A blocks on average, however often
somebody looks; so its threshold is a number of blocks without a false alarm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_EFFECTS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)  # beyond the tolerance, in units: from trifles to collapses


@dataclass(frozen=True)
class Series:
    """T blocks in order: means with what chance explains of each, were the mean at 0.

    `variance` is what its rows explain of a mean's, `between` what blocks differ by beyond that (the rows of a day
    share their luck), `skew` the third central moment of both together. All (T,).
    """

    mean: np.ndarray
    variance: np.ndarray
    skew: np.ndarray
    between: np.ndarray

    def __len__(self) -> int:
        return len(self.mean)


def mirrored(series: Series, tail: float) -> Series:
    """The series with its sign turned, with the same skewness `tail` of what blocks differ by."""
    skew = 2 * tail * series.between**1.5 - series.skew
    return Series(-series.mean, series.variance, skew, series.between)


@dataclass(frozen=True)
class Evidence:
    """The natural logarithm of the sum after each block, and the block since which a change is most likely: (T,)."""

    log: np.ndarray
    since: np.ndarray


def gather(series: Series, tolerance: float, unit: float, first: int = 0) -> Evidence:
    """The evidence that the mean lies above `tolerance`, block by block, counting from block `first`.

    Each e-value is a mixture over effects of 0.5 to 16 times `unit` beyond the tolerance, of exp(l x - log E exp(l x)),
    with the moments of the promise in place of the unknown distribution, and the tail of a Poisson variable (Bennett's
    bound) of the same skewness: answers are rarely wrong by much, and few days are bad.

    >>> calm = Series(np.zeros(50), np.full(50, 0.01), np.zeros(50), np.zeros(50))
    >>> bool(gather(calm, 0.1, 0.1).log.max() < 1)
    True
    >>> worse = Series(np.full(50, 0.5), np.full(50, 0.01), np.zeros(50), np.zeros(50))
    >>> bool(gather(worse, 0.1, 0.1).log[3] > 10), int(gather(worse, 0.1, 0.1).since[3])
    (True, 0)
    """
    effects = np.array(_EFFECTS)[:, None] * unit
    count = len(series)
    log, since = np.full(count, -np.inf), np.full(count, first)
    if first >= count:
        return Evidence(log, since)
    # With C the sums of the gains, R_n = e_n (1 + R_{n-1}) is the sum over all starts j of exp(C_n - C_{j-1}).
    sums = np.cumsum(_logs(series, tolerance, effects)[:, first:], axis=1)
    before = np.hstack([np.zeros((len(_EFFECTS), 1)), sums[:, :-1]])
    whole = sums + np.logaddexp.accumulate(-before, axis=1)
    log[first:] = np.logaddexp.reduce(whole, axis=0) - np.log(len(_EFFECTS))
    # A change is likeliest since the block before which the sums were lowest.
    lowest = np.minimum.accumulate(before, axis=1)
    start = np.maximum.accumulate(np.where(before == lowest, np.arange(before.shape[1]), 0), axis=1)
    likely = (sums - lowest).argmax(axis=0)
    since[first:] = first + start[likely, np.arange(count - first)]
    return Evidence(log, since)


def _logs(series: Series, tolerance: float, effects: np.ndarray) -> np.ndarray:
    """(effects, T): the logarithm of each block's e-value."""
    whole = np.maximum(series.variance + series.between, 1e-300)
    # The size of a jump: how far the mean's tail is from a Gaussian's; a tail on the other side is no help to chance.
    jump = np.maximum(series.skew / whole, 0.0)
    small = jump * effects / whole < 1e-6
    safe = np.where(small, 1.0, jump)
    tilt = np.where(small, effects / whole, np.log1p(safe * effects / whole) / safe)
    reach = np.where(small, 0.0, tilt * safe)
    bound = np.where(small, tilt**2 / 2, (np.expm1(reach) - reach) / safe**2)
    return tilt * (series.mean - tolerance) - whole * bound
