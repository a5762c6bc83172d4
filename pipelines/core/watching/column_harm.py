"""What a shift of one column is worth in loss: more rows where the release was bad before, or where it knows nothing.

The reference rows are put into bins by the column; a bin's loss is the mean loss of its rows there. A window that
holds other shares of the bins is expected to lose (share now - share before) x loss more, summed over the bins. That
is how covariate shift moves a loss (Shimodaira 2000), one column at a time: an estimate to rank columns by, no proof.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from pipelines.core.comparison import Sample

_BINS = 10
_BLOCKS = 3  # of time in which a bin must have occurred to say anything
_ROWS = 30  # a bin's own loss counts as much as the overall one when it has as many rows


@dataclass(frozen=True)
class LossProfile:
    """The reference's mean loss by bins of a column; the last two bins are `missing` and `never seen`."""

    edges: np.ndarray
    """Inner edges of the bins (numeric)."""
    low: float
    high: float
    places: dict[str, int]
    """Bin of each category (categorical)."""
    others: int
    """Bin of a category listed nowhere."""
    losses: np.ndarray
    """(bins + 2,) shrunk towards the overall mean."""
    luck: np.ndarray
    """(blocks, bins + 2) what each block of time added to `losses`: rows of one day share their luck."""

    @property
    def bins(self) -> int:
        """How many bins hold values that were seen."""
        return len(self.losses) - 2

    def counts(self, sample: Sample) -> np.ndarray:
        """(bins + 2,) rows of the sample by bin."""
        return np.bincount(_places(self, sample), minlength=len(self.losses))


@dataclass(frozen=True)
class Harm:
    """Loss that a window is expected to lose more, by one column's shift."""

    whole: float
    blind: float
    """The part of it by missing and never seen values."""
    doubt: float
    """How far `whole` may be off, at the rate asked for."""
    blind_doubt: float


def loss_profile(
    sample: Sample,
    losses: np.ndarray,
    blocks: np.ndarray,
    blind_loss: float,
    span: tuple[float | None, float | None] = (None, None),
    seen: Sequence[str] | None = None,
) -> LossProfile:
    """The profile by the reference's sample of the column and its rows' losses (rows,), NaN where not known.

    `blocks`: (rows,) the number of the block of time, from 0, whose luck a row shares. A bin of few rows or blocks
    says nothing of its own: it has the overall mean.
    `blind_loss`: what a row costs in whose value the release has nothing to go by; taken where the reference has
    no such rows to say it. `span`, `seen`: the range or the categories that training saw, None where not known.
    """
    profile = _categories(sample, seen) if sample.kind == "categorical" else _ranges(sample, span)
    known, size = np.isfinite(losses), len(profile.losses)
    mean = float(losses[known].mean())
    places, away, block = _places(profile, sample)[known], losses[known] - mean, blocks[known]
    rows = np.bincount(places, minlength=size)
    sums = np.bincount(places, weights=away, minlength=size)
    left = away - (sums / np.maximum(rows, 1))[places]  # what the bin does not explain
    cells = np.bincount(block * size + places, weights=left, minlength=(int(block.max()) + 1) * size).reshape(-1, size)
    held = np.bincount(block * size + places, minlength=cells.size).reshape(-1, size) > 0
    told = (rows >= _ROWS) & (held.sum(axis=0) >= min(_BLOCKS, len(cells)))
    found = mean + np.where(told, sums / (rows + _ROWS), 0.0)
    blind = np.arange(size) >= profile.bins
    found = np.where(blind & (rows < _ROWS), np.maximum(blind_loss, mean), found)
    return replace(profile, losses=found, luck=np.where(told, cells / (rows + _ROWS), 0.0))


def estimate_harm(profile: LossProfile, before: np.ndarray, now: np.ndarray, rate: float) -> Harm:
    """The harm of a shift from the bins' counts before to those now.

    Its error has two parts: the bins' losses, clustered by blocks of time (Liang & Zeger 1986), and the sampling of
    the window. `rate`: the chance that the harm is less than `whole - doubt`.

    >>> losses = np.array([0.2, 0.6, 0.4, 0.4])
    >>> profile = LossProfile(np.array([1.0]), 0.0, 2.0, {}, 0, losses, np.zeros((30, 4)))
    >>> found = estimate_harm(profile, np.array([50, 50, 0, 0]), np.array([0, 100, 0, 0]), 0.01)
    >>> round(found.whole, 3), round(found.doubt, 3)
    (0.2, 0.07)
    """
    if not before.sum() or not now.sum():
        return Harm(0.0, 0.0, np.inf, np.inf)
    shares = before / before.sum()
    mean = float(shares @ profile.losses)
    moved = now / now.sum() - shares
    seen = np.arange(len(moved)) < profile.bins
    parts = moved * (profile.losses - mean)
    sampling = max(float(shares @ (profile.losses - mean) ** 2), 0.0) * (1 / before.sum() + 1 / now.sum())
    doubts = [_doubt(profile, one, sampling, rate) for one in (moved, np.where(seen, 0.0, moved))]
    return Harm(float(parts.sum()), float(parts[~seen].sum()), *doubts)


def _doubt(profile: LossProfile, moved: np.ndarray, sampling: float, rate: float) -> float:
    blocks = max(len(profile.luck), 2)
    luck = float(((profile.luck @ moved) ** 2).sum()) * blocks / (blocks - 1)
    return float(-special.stdtrit(blocks - 1, rate) * np.sqrt(luck + sampling))


def _categories(sample: Sample, seen: Sequence[str] | None) -> LossProfile:
    """A bin for each frequent category and one for all the rare."""
    kept = np.flatnonzero(sample.counts >= _ROWS)
    rare = len(kept)
    places = dict.fromkeys([*(seen or ()), *sample.names.tolist()], rare)
    places.update({str(sample.names[one]): place for place, one in enumerate(kept)})
    others = rare if seen is None else rare + 2
    return LossProfile(np.empty(0), 0.0, 0.0, places, others, np.zeros(rare + 1 + 2), np.zeros((1, rare + 1 + 2)))


def _ranges(sample: Sample, span: tuple[float | None, float | None]) -> LossProfile:
    """Bins of about equally many rows."""
    ends, edges = [one for one in span if one is not None], np.empty(0)
    if len(sample):
        ends += [float(sample.ordered[0]), float(sample.ordered[-1])]
        steps = np.linspace(0, len(sample) - 1, min(_BINS, max(len(sample) // _ROWS, 1)) + 1)[1:-1]
        edges = np.unique(sample.ordered[steps.astype(int)])
        edges = edges[edges > sample.ordered[0]]
    low, high = min(ends, default=-np.inf), max(ends, default=np.inf)
    size = len(edges) + 1 + 2
    return LossProfile(edges, low, high, {}, 0, np.zeros(size), np.zeros((1, size)))


def _places(profile: LossProfile, sample: Sample) -> np.ndarray:
    """The bin of each row."""
    missing, unseen = profile.bins, profile.bins + 1
    found = np.full(len(sample.present), missing)
    if sample.kind == "categorical":
        by_name = np.array([profile.places.get(str(name), profile.others) for name in sample.names], dtype=int)
        found[sample.present] = by_name[sample.values] if len(by_name) else 0
        return found
    bins = np.searchsorted(profile.edges, sample.values, side="right")
    found[sample.present] = np.where((sample.values < profile.low) | (sample.values > profile.high), unseen, bins)
    return found
