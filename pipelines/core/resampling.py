"""Resampling: which rows move together, how often each is drawn, and the interval that follows.

Rows are put into at most a hundred blocks, and blocks are drawn with replacement. Every metric is then a
function of sums per block, so thousands of draws cost one matrix product. The draws depend on the rows' order
and clusters only, never on scores: a better score makes every draw better, so it never makes an interval's
end worse.

Days follow each other, and one is much like the next: they are drawn by windows of neighbours that may begin at any
day (the circular block bootstrap: Politis and Romano 1992), which is worth half as much again as windows side by side.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import ndtr, ndtri, stdtrit

MOST_BLOCKS = 100
FEWEST_CLUSTERS = 10
_DAYS_ALIKE = 1.6
_FEWEST_WINDOWS = 6
_CELLS, _MOST_DRAWS = 300_000, 10_000


@dataclass(frozen=True)
class Resampling:
    """`block`: each row's block, (n,); `weights`: how often each draw takes each block, (draws, blocks).

    `window`: how many blocks that follow each other are drawn together.
    """

    block: np.ndarray
    count: int
    weights: np.ndarray
    clustered: bool
    window: int = 1

    @property
    def worth(self) -> float:
        """As many blocks drawn one by one would know the spread as well: one more than the degrees of freedom.

        >>> days = np.datetime64("2024-01-01") + np.arange(60)
        >>> [round(resample(60, days, paired=one).worth, 1) for one in (False, True)], resample(60).worth
        ([9.0, 21.8], 60.0)
        """
        return _worth(self.count, self.window)

    @property
    def apart(self) -> np.ndarray:
        """Each row's window, (n,), side by side, for what takes blocks as if they were independent; ten at least."""
        if self.window == 1:
            return self.block
        return self.block * max(FEWEST_CLUSTERS, self.count // self.window) // self.count

    @property
    def method(self) -> str:
        """How the intervals were made, in words."""
        unit = "clusters of dependent rows" if self.clustered else "rows"
        joined = f", {self.window} that follow each other together" if self.window > 1 else ""
        return (
            f"bootstrap of {len(self.weights)} draws over {self.count} blocks of {unit}{joined}: Student's t on the "
            "metric's scale (log, logit), Wilson for counts; gains: expanded percentiles (Hesterberg 2015)"
        )

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Values per row, (n,) or (n, m), added up per block: (blocks,) or (blocks, m)."""
        if values.ndim == 1:
            return np.bincount(self.block, weights=values, minlength=self.count)
        columns = [np.bincount(self.block, weights=column, minlength=self.count) for column in values.T]
        return np.column_stack(columns) if columns else np.zeros((self.count, 0))

    def joined(self, sums: np.ndarray) -> np.ndarray:
        """Sums per block, (blocks, m), added up per window, one beginning at each block; scaled to the same spread."""
        return sum((np.roll(sums, one, axis=0) for one in range(self.window)), np.zeros((1, 1))) / self.window**0.5


def resample(
    rows: int,
    clusters: np.ndarray | None = None,
    seed: int = 0,
    most_blocks: int = MOST_BLOCKS,
    *,
    paired: bool = False,
) -> Resampling:
    """Blocks and draws for `rows` rows; rows of one cluster (a day, a group) share a block.

    Without clusters the blocks depend on the rows' order: put them in a canonical one first. Clusters that are days
    (datetime64) follow each other. `paired`: what is drawn is a difference of two models on the same rows; what a day
    does to both is not in it, so that less of it lasts to the next day.

    >>> resample(4).count, resample(1000).count, resample(4, np.array(["a", "b", "b", "a"])).block.tolist()
    (4, 100, [0, 1, 1, 0])
    """
    if clusters is None:
        unit, units = np.arange(rows), rows
    else:
        names, unit = np.unique(clusters, return_inverse=True)
        units = len(names)
    serial = clusters is not None and clusters.dtype.kind == "M"
    count = min(units, most_blocks)
    if units > most_blocks:
        places = np.arange(units) * most_blocks // units
        unit = (places if serial else np.random.default_rng(seed).permutation(units) % most_blocks)[unit]
    window = _window(units, count, paired) if serial else 1
    return Resampling(unit.astype(np.intp), count, _weights(count, seed, window), clusters is not None, window)


def _window(days: int, blocks: int, paired: bool) -> int:
    """Blocks to be drawn together: as many as hold the cube root of the days (Hall, Horowitz and Jing 1995), or three
    times that for a model's own figures; at most a sixth of all, lest nothing is known of how windows differ.

    Gains of flight models took after the day before by 0.2 to 0.3, and not at all after the one before that; the loss
    of one model by 0.4. `make bench-decisions` says how often the intervals hold.
    """
    length = days ** (1 / 3) * (1 if paired else 3)
    return max(1, min(round(length * blocks / max(days, 1)), blocks // _FEWEST_WINDOWS))


def _worth(blocks: int, window: int) -> float:
    """Windows that may begin anywhere weigh a lag of h blocks by 1 - h/window (Bartlett): its degrees of freedom."""
    return float(blocks) if window == 1 else 3 * blocks * window / (2 * window**2 + 1)


def day_clusters(times: np.ndarray) -> np.ndarray | None:
    """The day of each moment, (n,) datetime64[D]; where there are few days, stretches of time as in `time_clusters`.

    >>> day_clusters(np.datetime64("2024-01-01", "us") + np.arange(60) * np.timedelta64(1, "D"))[[0, 59]].tolist()
    [datetime.date(2024, 1, 1), datetime.date(2024, 2, 29)]
    """
    days: np.ndarray = times.astype("datetime64[D]")
    return days if len(np.unique(days)) >= FEWEST_CLUSTERS else time_clusters(times)


def time_clusters(times: np.ndarray) -> np.ndarray | None:
    """Clusters for rows at `times` (datetime64): stretches of neighbouring days, or of hours where days are few.

    One day is much like the next, so that days are no independent draws. A stretch's length grows with the cube root
    of the days (Künsch 1989; Politis & White 2004), and there are at least ten: fewer say nothing of how they differ.
    None when rows are too few to be clustered: they then count as independent.

    >>> days = np.datetime64("2024-01-01", "us") + np.arange(60) * np.timedelta64(1, "D")
    >>> time_clusters(days)[[0, 5, 6, 59]].tolist()
    [0, 0, 1, 9]
    """
    day = times.astype("datetime64[D]").astype(np.int64)
    if not len(day):
        return None
    span = int(day.max() - day.min()) + 1
    if len(np.unique(day)) >= FEWEST_CLUSTERS:
        stretches = max(FEWEST_CLUSTERS, round(span / (_DAYS_ALIKE * span ** (1 / 3))))
        found = np.unique((day - day.min()) * stretches // span, return_inverse=True)[1]
        # Days with rows may lie in a few heaps: then each day counts for itself, as far as there are no ten stretches.
        return found if found.max() + 1 >= FEWEST_CLUSTERS else np.unique(day, return_inverse=True)[1]
    _, moment = np.unique(times, return_inverse=True)
    if len(times) < 5 * FEWEST_CLUSTERS or moment.max() + 1 < FEWEST_CLUSTERS:
        return None
    return moment * FEWEST_CLUSTERS // (moment.max() + 1)


def interval(
    value: float, replicates: np.ndarray, blocks: float, confidence: float = 0.95
) -> tuple[float, float] | None:
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
def tails(blocks: float, confidence: float) -> tuple[float, float]:
    """Which quantiles of the replicates are the interval's ends, widened for few blocks."""
    alpha = (1 - confidence) / 2
    expanded = float(ndtr(np.sqrt(blocks / (blocks - 1)) * stdtrit(blocks - 1, alpha)))
    return expanded, 1 - expanded


def wilson(
    successes: float, trials: float, confidence: float = 0.95, blocks: float | None = None
) -> tuple[float, float]:
    """Interval of a share (Wilson 1927): honest where every draw is alike, as in 20 right of 20.

    `blocks`: the trials are what that many blocks of dependent rows are worth (Student's t in the normal's place).

    >>> low, high = wilson(20, 20); round(low, 3), high
    (0.839, 1.0)
    """
    alpha = (1 - confidence) / 2
    z = -float(ndtri(alpha) if blocks is None else stdtrit(blocks - 1, alpha))
    share = successes / trials
    centre = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials) * np.sqrt(share * (1 - share) / trials + z * z / (4 * trials**2))
    return float(max(0.0, min(centre - half, share))), float(min(1.0, max(centre + half, share)))


@lru_cache(maxsize=16)
def _weights(blocks: int, seed: int, window: int = 1) -> np.ndarray:
    """As many draws as the product with a table of pairs of blocks can afford; the far tails need many.

    So many windows are drawn that their spread, once mended for few blocks as `tails` does, is what it should be: it
    lacks the share of one window.
    """
    count = min(_MOST_DRAWS, _CELLS // max(blocks, 1))
    if blocks == 0:
        return np.zeros((count, 0))
    worth = _worth(blocks, window)
    taken = blocks if window == 1 else round((blocks / window - 1) * worth / (worth - 1))
    draws = np.random.default_rng([seed, blocks]).multinomial(taken, np.full(blocks, 1 / blocks), size=count)
    weights: np.ndarray = sum((np.roll(draws, one, axis=1) for one in range(window)), np.zeros((1, 1)))
    weights.flags.writeable = False
    return weights
