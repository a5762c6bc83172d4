"""What the field's usual rules say of the same windows: Evidently's defaults, a fixed PSI, a loss that rose by a tenth.

Evidently takes half a second a window; its default rule is written again here, fast, and a test holds it against
Evidently itself (`tests/benchmarks/alarms/test_rivals.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from scipy import stats
from scipy.spatial.distance import jensenshannon

EVIDENTLY = "Evidently's defaults"
PSI = "PSI above 0.2"
LOSS = "loss above 110%"
RIVALS = (EVIDENTLY, PSI, LOSS)
_LARGE = 1000
"""Rows of the reference up to which Evidently tests, and beyond which it measures distances."""
_DISTANCE, _P_VALUE, _DRIFTED = 0.1, 0.05, 0.5
_PSI, _BINS, _EMPTY = 0.2, 10, 1e-4
_RISE = 1.1

Columns = Mapping[str, np.ndarray]
"""Numbers as float64 with NaN, categories as integer codes with -1 where missing."""


def evidently_defaults(reference: Columns) -> Callable[[Columns], list[bool]]:
    """Gives which columns of a window `DataDriftPreset()` of Evidently 0.7 calls drifted.

    More than 1,000 rows of reference: Wasserstein distance over the reference's standard deviation (numbers with more
    than 5 values) or Jensen-Shannon distance, each from 0.1 on. Else Kolmogorov-Smirnov, chi-squared or, with two
    values, a z-test, each below 0.05. Missing values are left out.

    >>> rule = evidently_defaults({"x": np.arange(2000.0)})
    >>> rule({"x": np.arange(2000.0)}), rule({"x": np.arange(2000.0) + 100})
    ([False], [True])
    """
    columns = {name: _Column(values) for name, values in reference.items()}
    return lambda window: [one.drifted(window[name]) for name, one in columns.items()]


def share_drifted(found: list[bool]) -> bool:
    """Evidently's verdict on the whole: half of the columns or more."""
    return sum(found) >= _DRIFTED * len(found)


class _Column:
    """One column of the reference, sorted once."""

    def __init__(self, values: np.ndarray) -> None:
        self._large, self._numeric = len(values) > _LARGE, values.dtype.kind == "f"
        self._sorted = np.sort(_present(values))
        self._few = self._numeric and len(np.unique(self._sorted)) <= 5
        if self._numeric:
            self._spread = max(float(np.std(self._sorted)), 0.001)
            self._integral = np.concatenate([[0.0], np.cumsum(self._sorted)]) / len(self._sorted)

    def drifted(self, window: np.ndarray) -> bool:
        """Whether the window's values are called another distribution."""
        now = _present(window)
        if not len(now):
            return False
        if not self._numeric or (self._few and len(np.unique(np.concatenate([self._sorted, now]))) <= 5):
            return self._categories(now)
        if not self._large:
            return bool(stats.ks_2samp(self._sorted, now).pvalue <= _P_VALUE)
        return bool(wasserstein(self._sorted, self._integral, np.sort(now)) / self._spread >= _DISTANCE)

    def _categories(self, now: np.ndarray) -> bool:
        every, codes = np.unique(np.concatenate([self._sorted, now]), return_inverse=True)
        parts = np.split(codes, [len(self._sorted)])
        before, after = (np.bincount(part, minlength=len(every)) for part in parts)
        if self._large:
            return bool(jensenshannon(before / before.sum(), after / after.sum()) >= _DISTANCE)
        if len(every) == 1:
            return False
        if len(every) == 2:
            return _two_shares(before, after) < _P_VALUE
        with np.errstate(divide="ignore", invalid="ignore"):
            expected = before * after.sum() / before.sum()
            return bool(stats.chi2.sf(((after - expected) ** 2 / expected).sum(), len(every) - 1) < _P_VALUE)


def wasserstein(before: np.ndarray, integral: np.ndarray, now: np.ndarray) -> float:
    """The first Wasserstein distance of two sorted samples: the area between their quantile functions.

    `integral`: of the first one's quantile function, at 0, 1/m, ..., 1. Every value of the second sample stands for a
    stretch of shares [a, b]; the first one's quantiles lie below it up to the share of values that do.

    >>> wasserstein(np.array([0.0, 2.0]), np.array([0.0, 0.0, 1.0]), np.array([1.0, 3.0]))
    1.0
    """
    edges = np.arange(len(now) + 1) / len(now)
    at = np.arange(len(before) + 1) / len(before)
    low, high = edges[:-1], edges[1:]
    cross = np.clip(np.searchsorted(before, now, "right") / len(before), low, high)
    area = np.interp(edges, at, integral)
    return float((now * (2 * cross - low - high) + area[:-1] + area[1:] - 2 * np.interp(cross, at, integral)).sum())


def _two_shares(before: np.ndarray, after: np.ndarray) -> float:
    """Two-sided p-value of the pooled z-test that two samples have one share."""
    first, second = before[1] / before.sum(), after[1] / after.sum()
    pooled = (before[1] + after[1]) / (before.sum() + after.sum())
    error = np.sqrt(pooled * (1 - pooled) * (1 / before.sum() + 1 / after.sum()))
    return float(2 * stats.norm.sf(abs(first - second) / error)) if error > 0 else 1.0


def psi_rule(reference: Columns) -> Callable[[Columns], float]:
    """Gives the largest population stability index of a window's columns.

    Ten bins of equal shares of the reference, or its categories; missing values are a bin of their own; empty bins
    count as 0.0001.

    >>> rule = psi_rule({"x": np.arange(1000.0)})
    >>> round(rule({"x": np.arange(1000.0)}), 3), rule({"x": np.arange(900.0, 1900)}) > 1
    (0.0, True)
    """
    bins = {name: _bins(values) for name, values in reference.items()}
    shares = {name: _shares(bins[name], values) for name, values in reference.items()}
    return lambda window: max(_psi(shares[name], _shares(bins[name], window[name])) for name in shares)


def too_large(index: float) -> bool:
    """The rule of thumb: above 0.2 the population has changed."""
    return index > _PSI


def loss_rose(loss: float, own: float) -> bool:
    """The loss of a window's labels (log loss, or root of the squared error) is a tenth above the release's own."""
    return loss > _RISE * own


def _present(values: np.ndarray) -> np.ndarray:
    return values[~np.isnan(values)] if values.dtype.kind == "f" else values[values >= 0]


def _bins(values: np.ndarray) -> np.ndarray:
    present = _present(values)
    if values.dtype.kind == "f":
        return np.unique(np.quantile(present, np.linspace(0, 1, _BINS + 1)[1:-1]))
    return np.unique(present)[1:]


def _shares(bins: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Shares by bin, the missing last."""
    present = _present(values)
    counts = np.bincount(np.searchsorted(bins, present, "right"), minlength=len(bins) + 1)
    return np.append(counts, len(values) - len(present)) / max(len(values), 1)


def _psi(before: np.ndarray, now: np.ndarray) -> float:
    before, now = (np.maximum(one, _EMPTY) for one in (before, now))
    return float(((now - before) * np.log(now / before)).sum())
