"""Calibration: whether what is said to be likely happens as often as said."""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel, ConfigDict
from scipy.special import ndtr, stdtrit
from scipy.stats import rankdata

from pipelines.core.metrics import Metric
from pipelines.core.problem import Task
from pipelines.core.recalibration import recalibrate
from pipelines.core.resampling import Resampling, interval, resample, wilson


class Bin(BaseModel):
    """Rows with neighbouring answers: what was said on average, and what came, with its interval."""

    model_config = ConfigDict(frozen=True)

    rows: int
    said: float
    came: float
    low: float | None = None
    high: float | None = None


class Calibration(BaseModel):
    """Bins of about equal numbers of rows, and the expected calibration error: the mean gap, weighted by rows.

    On few rows even a perfect model shows gaps: `noise` is the error that it would show, `corrected` the error without
    that, with its interval; its lower end says how far off the model credibly is. `slope` and `intercept` are 1 and 0
    for a calibrated model: a slope below 1 is too sure of itself. `scale`: the standard deviation of the labels where
    they are values, in whose units the errors are; else 1.
    """

    model_config = ConfigDict(frozen=True)

    bins: list[Bin]
    ece: float | None
    noise: float | None = None
    corrected: Metric | None = None
    slope: Metric | None = None
    intercept: Metric | None = None
    scale: float | None = None
    notes: list[str] = []


def calibrate(
    task: Task,
    y: np.ndarray,
    scores: np.ndarray,
    bins: int = 10,
    *,
    clusters: np.ndarray | None = None,
    confidence: float = 0.95,
    seed: int = 0,
) -> Calibration:
    """The calibration of answers: the positive class (binary), the class answered (multiclass), or the value.

    Expected calibration error: Naeini, Cooper, Hauskrecht, AAAI 2015, with bins of equal mass; its bias: Roelofs et
    al., "Mitigating bias in calibration error estimation", AISTATS 2022. Slope and intercept: Cox 1958 (classes, on
    the log-odds), Mincer and Zarnowitz 1969 (values).

    >>> calibrate("regression", np.array([1.0, 3.0]), np.array([1.0, 2.0]), bins=2).ece
    0.5
    """
    if not len(y) or not np.isfinite(scores).all():
        return Calibration(bins=[], ece=None, notes=["no rows" if not len(y) else "answers are not all finite numbers"])
    said, came = _said_and_came(task, y, scores)
    drawn = resample(len(y), clusters, seed)
    place = _places(said, bins)
    cells = _Cells(place, said, came, drawn)
    slope, intercept = recalibrate(said, came, drawn.apart, logistic=task != "regression", confidence=confidence)
    gaps = cells.came - cells.said
    noise, corrected = _without_noise(cells, gaps, drawn, confidence)
    return Calibration(
        bins=[_bin(cells, drawn, one, task, confidence) for one in range(len(cells.rows))],
        ece=float(cells.share @ np.abs(gaps)),
        noise=noise,
        corrected=corrected,
        slope=slope,
        intercept=intercept,
        scale=float(np.std(y)) if task == "regression" else 1.0,
        notes=[_subject(task)],
    )


def _subject(task: Task) -> str:
    what = {"binary": "the positive class's probability", "multiclass": "the probability of the class answered"}
    return f"calibration of {what.get(task, 'the value answered')}, in bins of equal numbers of rows"


def _said_and_came(task: Task, y: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if task == "regression":
        return scores, y
    if task == "binary":
        return scores[:, 1], (y == 1).astype(np.float64)
    return scores.max(axis=1), (scores.argmax(axis=1) == y).astype(np.float64)


def _places(said: np.ndarray, bins: int) -> np.ndarray:
    """The bin of each row, (n,), by the rank of its answer: equal answers are never parted."""
    rank = (rankdata(said) - 0.5) / len(said)
    _, place = np.unique(np.floor(rank * bins), return_inverse=True)
    return place


class _Cells:
    """What was said and what came per bin, and per draw and bin."""

    def __init__(self, place: np.ndarray, said: np.ndarray, came: np.ndarray, drawn: Resampling) -> None:
        bins = int(place.max()) + 1
        where = drawn.block * bins + place

        def per_block(values: np.ndarray) -> np.ndarray:
            return np.bincount(where, weights=values, minlength=drawn.count * bins).reshape(drawn.count, bins)

        rows, spoken, happened = (per_block(values) for values in (np.ones(len(said)), said, came))
        self.rows = rows.sum(axis=0)
        self.share = self.rows / len(said)
        self.said, self.came = spoken.sum(axis=0) / self.rows, happened.sum(axis=0) / self.rows
        count = drawn.weights @ rows
        count[count == 0] = np.nan
        self.drawn_said, self.drawn_came = (drawn.weights @ spoken) / count, (drawn.weights @ happened) / count


def _bin(cells: _Cells, drawn: Resampling, one: int, task: Task, confidence: float) -> Bin:
    rows, came = int(cells.rows[one]), float(cells.came[one])
    ends = interval(came, cells.drawn_came[:, one], min(drawn.worth, rows), confidence)
    if ends is not None and ends[0] == ends[1] and task != "regression":
        ends = wilson(came * rows, rows, confidence)
    low, high = ends or (None, None)
    return Bin(rows=rows, said=float(cells.said[one]), came=came, low=low, high=high)


def _without_noise(
    cells: _Cells, gaps: np.ndarray, drawn: Resampling, confidence: float
) -> tuple[float | None, Metric | None]:
    """The error of a perfect model, and the error less its bias: each bin's gap is folded at 0, which adds to it.

    The mean of a folded normal (Leone, Nelson, Nottingham 1961) says how much, at the gap that the bin's own noise
    leaves over.
    """
    gap_draws = cells.drawn_came - cells.drawn_said
    known = np.isfinite(gap_draws).all(axis=1)
    if drawn.count < 2 or known.sum() < len(known) / 2:
        return None, Metric(value=None, reason="too few rows to tell noise from error")
    deviation = gap_draws[known].std(axis=0)
    noise = float(cells.share @ (deviation * np.sqrt(2 / np.pi)))
    left = np.sqrt(np.maximum(gaps**2 - deviation**2, 0))
    seen = float(cells.share @ np.abs(gaps))
    value = max(0.0, float(seen - cells.share @ (_folded(left, deviation) - left)))
    spread = float((np.abs(gap_draws[known]) @ cells.share).std())
    reach = spread * -float(stdtrit(max(drawn.worth - 1, 1), (1 - confidence) / 2))
    # What a perfect model may well show tells nothing; what is seen, noise and all, is as much as it can be.
    low = max(0.0, value - reach) if seen > noise + reach else 0.0
    return noise, Metric(value=value, low=low, high=seen + reach)


def _folded(mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """The mean of |X| for a normal X."""
    safe = np.where(deviation > 0, deviation, 1.0)
    ratio = mean / safe
    folded = safe * np.sqrt(2 / np.pi) * np.exp(-(ratio**2) / 2) + mean * (1 - 2 * ndtr(-ratio))
    return np.where(deviation > 0, folded, np.abs(mean))
