"""Resampling: which rows move together, how often each is drawn, and the interval that follows.

Rows are put into at most a few hundred blocks, and blocks are drawn with replacement. Every metric is then a
function of sums per block, so a thousand draws cost one matrix product. The draws depend on the rows' order
and clusters only, never on scores: a better score makes every draw better, so it never makes an interval's
end worse.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import ndtr, ndtri, stdtrit

DRAWS = 1000
MOST_BLOCKS = 400
FEWEST_CLUSTERS = 10


@dataclass(frozen=True)
class Resampling:
    """`block`: each row's block, (n,); `weights`: how often each draw takes each block, (draws, blocks)."""

    block: np.ndarray
    count: int
    weights: np.ndarray
    clustered: bool

    @property
    def method(self) -> str:
        """How the intervals were made, in words."""
        unit = "clusters of dependent rows" if self.clustered else "rows"
        return (
            f"percentile bootstrap of {len(self.weights)} draws over {self.count} blocks of {unit}, "
            "widened for few blocks (Hesterberg 2015, expanded percentile)"
        )

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Values per row, (n,) or (n, m), added up per block: (blocks,) or (blocks, m)."""
        if values.ndim == 1:
            return np.bincount(self.block, weights=values, minlength=self.count)
        columns = [np.bincount(self.block, weights=column, minlength=self.count) for column in values.T]
        return np.column_stack(columns) if columns else np.zeros((self.count, 0))


def resample(
    rows: int, clusters: np.ndarray | None = None, seed: int = 0, most_blocks: int = MOST_BLOCKS
) -> Resampling:
    """Blocks and draws for `rows` rows; rows of one cluster (a day, a group) share a block.

    Without clusters the blocks depend on the rows' order: put them in a canonical one first.

    >>> resample(4).count, resample(1000).count, resample(4, np.array(["a", "b", "b", "a"])).block.tolist()
    (4, 400, [0, 1, 1, 0])
    """
    if clusters is None:
        unit, units = np.arange(rows), rows
    else:
        names, unit = np.unique(clusters, return_inverse=True)
        units = len(names)
    count = min(units, most_blocks)
    if units > most_blocks:
        place = np.random.default_rng(seed).permutation(units) % most_blocks
        unit = place[unit]
    return Resampling(unit.astype(np.intp), count, _weights(count, seed), clusters is not None)


def time_clusters(times: np.ndarray) -> np.ndarray | None:
    """Clusters for rows at `times` (datetime64): calendar days, or ten stretches where there are few days.

    None when rows are too few to be clustered: they then count as independent.

    >>> days = np.array(["2024-01-01", "2024-01-01T05", "2024-01-02"], dtype="datetime64[us]")
    >>> time_clusters(np.concatenate([days + np.timedelta64(d, "D") for d in range(12)]))[:3].tolist()
    [19723, 19723, 19724]
    """
    day = times.astype("datetime64[D]").astype(np.int64)
    if len(np.unique(day)) >= FEWEST_CLUSTERS:
        return day
    _, moment = np.unique(times, return_inverse=True)
    if len(times) < 5 * FEWEST_CLUSTERS or moment.max() + 1 < FEWEST_CLUSTERS:
        return None
    return moment * FEWEST_CLUSTERS // (moment.max() + 1)


def interval(value: float, replicates: np.ndarray, blocks: int, confidence: float = 0.95) -> tuple[float, float] | None:
    """The interval of a statistic from its bootstrap replicates; it always holds the value itself.

    Expanded percentile interval: Hesterberg, "What Teachers Should Know About the Bootstrap", 2015.
    None when fewer than two blocks were drawn from, or most replicates are undefined (NaN).

    >>> low, high = interval(0.5, np.linspace(0, 1, 1001), blocks=400)
    >>> round(low, 3), round(high, 3)
    (0.025, 0.975)
    """
    known = replicates[np.isfinite(replicates)]
    if blocks < 2 or 2 * len(known) < len(replicates) or not len(known):
        return None
    low, high = np.quantile(known, tails(blocks, confidence))
    return float(min(low, value)), float(max(high, value))


@lru_cache(maxsize=512)
def tails(blocks: int, confidence: float) -> tuple[float, float]:
    """Which quantiles of the replicates are the interval's ends, widened for few blocks."""
    alpha = (1 - confidence) / 2
    expanded = float(ndtr(np.sqrt(blocks / (blocks - 1)) * stdtrit(blocks - 1, alpha)))
    return expanded, 1 - expanded


def wilson(successes: float, trials: float, confidence: float = 0.95) -> tuple[float, float]:
    """Interval of a share (Wilson 1927): honest where every draw is alike, as in 20 right of 20.

    >>> low, high = wilson(20, 20); round(low, 3), high
    (0.839, 1.0)
    """
    z = float(ndtri(0.5 + confidence / 2))
    share = successes / trials
    centre = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials) * np.sqrt(share * (1 - share) / trials + z * z / (4 * trials**2))
    return float(max(0.0, min(centre - half, share))), float(min(1.0, max(centre + half, share)))


@lru_cache(maxsize=16)
def _weights(blocks: int, seed: int) -> np.ndarray:
    if blocks == 0:
        return np.zeros((DRAWS, 0))
    draws = np.random.default_rng([seed, blocks]).multinomial(blocks, np.full(blocks, 1 / blocks), size=DRAWS)
    weights = draws.astype(np.float64)
    weights.flags.writeable = False
    return weights
