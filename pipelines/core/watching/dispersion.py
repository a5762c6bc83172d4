"""How much blocks of time differ beyond what their rows explain: the rows of a day share their luck."""

from __future__ import annotations

import numpy as np

_PRIOR = 3.0  # blocks that the first guess counts for
_JUMP = 9.0  # squared, in variances: a larger step between two blocks counts as this large, as it may be a change
_FEWEST = 6  # blocks of the reference that tell whether luck is carried over
_CHANCE = 0.7  # standard deviations of the autocorrelation that are put down to chance
_MOST_CARRIED = 0.7  # of a block's luck that the next one may share


def between_blocks(
    reference: tuple[np.ndarray, np.ndarray], now: tuple[np.ndarray, np.ndarray], guess: float
) -> np.ndarray:
    """(T,) variance between blocks as far as it was known *before* each of the T blocks of `now`.

    `reference` and `now` are means and what their rows explain of their variance. The method of moments (DerSimonian &
    Laird 1986), in the reference about its mean and now by successive differences (von Neumann 1941), which a change of
    level leaves nearly as they are; `guess` is the standard deviation to begin with. Where the luck of neighbouring
    blocks is alike, the variance is that of a long mean (first-order autoregression).

    >>> calm = (np.zeros(20), np.full(20, 0.01))
    >>> bool(between_blocks(calm, calm, 0.1)[-1] < 0.005)
    True
    """
    means, variances = reference
    found, weights = _about_the_mean(means, variances, guess)
    prior = float(weights.mean()) if len(weights) else _weight(float(now[1].mean()) if len(now[1]) else 0.0, guess)
    total, weight = _PRIOR * prior * guess**2 + float(weights @ found), _PRIOR * prior + float(weights.sum())
    carried = _carried(means, found, weights)
    known = np.empty(len(now[0]))
    means_now, variances_now = now[0].tolist(), now[1].tolist()
    for one, (mean, variance) in enumerate(zip(means_now, variances_now, strict=True)):
        held = max(total / weight, 0.0)
        known[one] = held * (1 + carried) / (1 - carried)
        if one:
            explained = variance + variances_now[one - 1]
            step = min((mean - means_now[one - 1]) ** 2, _JUMP * (explained + 2 * held))
            counts = _weight(explained / 2, guess) / 2  # neighbouring differences share a block
            total, weight = total + counts * (step - explained) / 2, weight + counts
    return known


def _about_the_mean(means: np.ndarray, variances: np.ndarray, guess: float) -> tuple[np.ndarray, np.ndarray]:
    if len(means) < 2:
        return np.zeros(0), np.zeros(0)
    weights = 1.0 / (variances + guess**2) ** 2
    roots = np.sqrt(weights)
    middle = float(roots @ means / roots.sum())
    return (means - middle) ** 2 * len(means) / (len(means) - 1) - variances, weights


def _weight(variance: float, guess: float) -> float:
    return 1.0 / (variance + guess**2) ** 2


def _carried(means: np.ndarray, found: np.ndarray, weights: np.ndarray) -> float:
    """Share of a block's luck that the next one shares, less what chance makes of few blocks."""
    if len(means) < _FEWEST:
        return 0.0
    away = means - means.mean()
    whole = float((away**2).mean())
    # The first autocorrelation of n independent means has a standard deviation of 1 / sqrt(n).
    together = float((away[1:] * away[:-1]).mean()) - _CHANCE * whole / np.sqrt(len(means))
    own = max(float(weights @ found / weights.sum()), together)
    return float(np.clip(together / own, 0.0, _MOST_CARRIED)) if together > 0 else 0.0
