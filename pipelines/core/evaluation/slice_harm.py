"""Declared slices: each with its metrics, and whether the candidate credibly harms it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict
from scipy.special import ndtr, ndtri, stdtr

from pipelines.core.evaluation.evidence import Evidence
from pipelines.core.metrics import Comparison, Metric, blocks_for, metrics
from pipelines.core.problem import HIGHER_IS_BETTER, Problem, Task
from pipelines.core.resampling import interval, resample
from pipelines.core.tallies import formulas

FEWEST_SLICE_ROWS = 20
FEWEST_OF_A_CLASS = 10
STANDS_IN = {"roc_auc": "log_loss", "precision": "accuracy", "recall": "accuracy", "f1": "accuracy", "r2": "mse"}


class Slice(BaseModel):
    """One slice beside the champion, with a few metrics; above 0, `gain` is better, `excess` beyond the margin.

    `judged_on`: the primary metric, or the one that stands in where it is undefined; `p_value`: how likely so large a
    loss is where there is none, corrected for all slices looked at; `searched`: nobody asked for this slice, the search
    found it among the worst (it has the metric that it is judged on only, and its intervals hold for all together).
    """

    model_config = ConfigDict(frozen=True)

    column: str
    value: str
    rows: int
    metrics: dict[str, Metric]
    champion: dict[str, Metric] | None = None
    judged_on: str | None = None
    gain: Comparison | None = None
    excess: Metric | None = None
    p_value: float | None = None
    searched: bool = False

    def harmed(self, level: float) -> bool:
        """Whether it is credibly worse than with the champion, and by more than its margin."""
        over = self.excess is not None and self.excess.value is not None and self.excess.value > 0
        return over and self.p_value is not None and self.p_value <= level


@dataclass(frozen=True)
class Harm:
    """What one slice gained, and lost beyond its margin, before correction for looking at many."""

    gain: Comparison
    excess: Metric
    p_value: float | None


def judge_slices(problem: Problem, task: Task, evidence: Evidence) -> list[Slice]:
    """A Slice for each value of each declared column; p-values corrected after Holm, 1979.

    The order of the evidence's rows must be canonical.
    """
    found, harms = [], []
    for column, values in evidence.slices.items():
        for value in sorted(set(values.tolist())):
            part = evidence.rows(np.flatnonzero(values == value))
            found.append(_described(problem, task, column, value, part))
            harms.append(None if part.champion is None else harm(problem, task, part))
    adjusted = holm([None if one is None else one.p_value for one in harms])
    return [_with_harm(one, about, p) for one, about, p in zip(found, harms, adjusted, strict=True)]


def _described(problem: Problem, task: Task, column: str, value: str, part: Evidence) -> Slice:
    few = ("rmse", "mae") if task == "regression" else ("log_loss", "accuracy")
    how: dict[str, Any] = {
        "clusters": part.clusters,
        "confidence": problem.good_enough.confidence,
        "seed": problem.split.seed,
        "names": tuple(dict.fromkeys((problem.primary_metric(task), *few))),
    }
    theirs = None if part.champion is None else metrics(task, part.y, part.champion, **how)
    primary = None if theirs is None else judged_on(problem.primary_metric(task), task, part.y)
    found = metrics(task, part.y, part.candidate, **how)
    return Slice(column=column, value=value, rows=len(part.y), metrics=found, champion=theirs, judged_on=primary)


def _with_harm(one: Slice, about: Harm | None, p_value: float | None) -> Slice:
    if about is None:
        return one
    return one.model_copy(update={"gain": about.gain, "excess": about.excess, "p_value": p_value})


def judged_on(primary: str, task: Task, y: np.ndarray) -> str:
    """The metric that these rows are judged on: where rows of a class are too few, the loss that stands in.

    >>> judged_on("roc_auc", "binary", np.array([1.0] * 50 + [0.0])), judged_on("rmse", "regression", np.ones(9))
    ('log_loss', 'rmse')
    """
    if task == "regression":
        defined = primary != "r2" or np.ptp(y) > 0
    else:
        _, counts = np.unique(y, return_counts=True)
        defined = len(counts) > 1 and np.sort(counts)[-2] >= FEWEST_OF_A_CLASS
    return primary if defined else STANDS_IN.get(primary, primary)


def harm(problem: Problem, task: Task, part: Evidence) -> Harm:
    """How much worse than the champion the candidate is on these rows (paired bootstrap).

    Every draw's loss falls as the candidate gets better, so a better candidate never gets a smaller p-value
    (save beyond the draws' reach, where the normal tail stands in).
    """
    metric = judged_on(problem.primary_metric(task), task, part.y)
    if len(part.y) < FEWEST_SLICE_ROWS:
        return _unjudged(metric, f"fewer than {FEWEST_SLICE_ROWS} rows: not judged")
    if part.champion is None or not (np.isfinite(part.candidate).all() and np.isfinite(part.champion).all()):
        return _unjudged(metric, "answers that are not finite numbers: not judged")
    drawn = resample(len(part.y), part.clusters, problem.split.seed, blocks_for(part.candidate), paired=True)
    weights = np.vstack([np.ones((1, drawn.count)), drawn.weights])
    ours, theirs = (formulas(task, part.y, one, drawn)[metric](weights) for one in (part.candidate, part.champion))
    gain = (ours - theirs) * (1 if metric in HIGHER_IS_BETTER else -1)
    excess = -gain - problem.good_enough.slice_margin * np.abs(theirs)
    gained, exceeded = (_estimate(one, drawn.worth, problem.good_enough.confidence) for one in (gain, excess))
    compared = Comparison(metric=metric, difference=gained.value, **gained.model_dump(exclude={"value"}))
    return Harm(compared, exceeded, None if gained.low is None else _p_value(-gain[1:], drawn.worth))


def _unjudged(metric: str, reason: str) -> Harm:
    nothing = Comparison(metric=metric, difference=None, reason=reason)
    return Harm(nothing, Metric(value=None, reason=reason), None)


def _estimate(values: np.ndarray, blocks: float, confidence: float) -> Metric:
    """The first value, of the rows as they are, with the interval from the others, one per draw."""
    value = float(values[0])
    if not np.isfinite(value):
        return Metric(value=None, reason="the metric is undefined on these rows")
    ends = interval(value, values[1:], blocks, confidence)
    if ends is None:
        return Metric(value=value, reason="too few rows for an interval")
    return Metric(value=value, low=ends[0], high=ends[1])


def _p_value(replicates: np.ndarray, blocks: float) -> float:
    """The level of the one-sided expanded percentile interval that ends at 0 (Hesterberg 2015)."""
    known = replicates[np.isfinite(replicates)]
    below = int((known <= 0).sum())
    share = (1 + below) / (1 + len(known))
    spread = float(known.std())
    if not below and spread > 0:
        share = min(share, float(ndtr(-known.mean() / spread)))
    return float(stdtr(blocks - 1, ndtri(share) * np.sqrt((blocks - 1) / blocks)))


def holm(p_values: list[float | None]) -> list[float | None]:
    """The p-values corrected for their number; None stays None. Holm, Scand. J. Statist. 6, 1979.

    >>> holm([0.01, None, 0.04])
    [0.02, None, 0.04]
    """
    known = sorted((one, place) for place, one in enumerate(p_values) if one is not None)
    found, largest = list(p_values), 0.0
    for rank, (one, place) in enumerate(known):
        largest = max(largest, min(1.0, one * (len(known) - rank)))
        found[place] = largest
    return found
