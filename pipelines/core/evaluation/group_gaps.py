"""Gaps between groups: the largest difference of a rate, with an interval that knows how many pairs were looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from pipelines.core.metrics import Metric
from pipelines.core.resampling import tails


@dataclass(frozen=True)
class GroupRates:
    """One rate of each group: row 0 of all rows, the others of each draw; shape (1 + draws, groups).

    `rows`: how many rows each group's rate is a share of, (groups,); None where it is no share.
    """

    rates: np.ndarray
    rows: np.ndarray | None = None


def largest_gap(tables: Sequence[GroupRates], blocks: float, confidence: float) -> Metric:
    """The largest difference between two groups in any of the tables, and its interval.

    The intervals of all pairs' differences hold together (max-T over the draws: Westfall and Young 1993), so that the
    largest of their lower ends is a lower end of the largest difference, and likewise above.

    >>> draws = np.random.default_rng(0).normal([0.2, 0.5], 0.05, size=(1000, 2))
    >>> gap = largest_gap([GroupRates(np.vstack([[0.2, 0.5], draws]))], 100, 0.95)
    >>> round(gap.value, 2), 0.1 < gap.low < 0.3 < gap.high < 0.5
    (0.3, True)
    """
    apart = [_pairs(table) for table in tables]
    differences = np.hstack([found for found, _ in apart])
    floors = np.concatenate([floor for _, floor in apart])
    seen, draws = differences[0], differences[1:]
    if not len(seen) or not np.isfinite(seen).all():
        why = (
            "fewer than two groups have enough rows to be compared"
            if not len(seen)
            else "a group has no row that tells"
        )
        return Metric(value=None, reason=why)
    value = float(np.abs(seen).max())
    draws = draws[np.isfinite(draws).all(axis=1)]
    if blocks < 2 or 2 * len(draws) < len(differences) - 1:
        return Metric(value=value, reason="too few rows for an interval")
    deviation = np.sqrt(draws.var(axis=0) + floors**2)
    known = deviation > 0
    if not known.any():
        return Metric(value=value, low=value, high=value)
    furthest = (np.abs(draws[:, known] - seen[known]) / deviation[known]).max(axis=1)
    alpha = 2 * tails(blocks, confidence)[0]
    least = -float(stdtrit(blocks - 1, (1 - confidence) / 2))  # of a single pair: draws that never vary know of none
    reach = max(least, float(np.quantile(furthest, 1 - alpha))) * deviation
    return Metric(
        value=value,
        low=max(0.0, float((np.abs(seen) - reach).max())),
        high=float((np.abs(seen) + reach).max()),
    )


def _pairs(table: GroupRates) -> tuple[np.ndarray, np.ndarray]:
    """Differences of all pairs, (1 + draws, pairs), and what each pair's deviation lacks, (pairs,).

    A share of none or all never varies between draws, though it may be off: it gets the deviation of one with a row
    more of either kind (Agresti and Coull 1998).
    """
    one, other = np.triu_indices(table.rates.shape[1], 1)
    lacking = np.zeros(table.rates.shape[1])
    if table.rows is not None:
        share = (table.rates[0] * table.rows + 1) / (table.rows + 2)
        stuck = (table.rates[0] == 0) | (table.rates[0] == 1)
        lacking = np.where(stuck, np.sqrt(share * (1 - share) / (table.rows + 2)), 0.0)
    return table.rates[:, one] - table.rates[:, other], np.hypot(lacking[one], lacking[other])
