"""The search for harmed slices among all features: the worst ones, honestly corrected for looking at many."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from pydantic import BaseModel, ConfigDict
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from pipelines.core.evaluation.evidence import Evidence
from pipelines.core.evaluation.influence import influence
from pipelines.core.evaluation.partitions import Partition, fewest_rows, partitions
from pipelines.core.evaluation.slice_harm import FEWEST_OF_A_CLASS, STANDS_IN, Slice
from pipelines.core.metrics import Comparison, Metric
from pipelines.core.problem import HIGHER_IS_BETTER, Problem, Task
from pipelines.core.resampling import Resampling, resample

FEWEST_BLOCKS = 8
DRAWS = 2000
PAIRS_SHARE = 0.2
"""Of the error that is allowed to the search; pairs are many, and rarely where harm is."""
SHOWN = 5
_MANY = 10_000  # rows, or so: the logarithm of a logarithm hardly knows the difference


class SliceSearch(BaseModel):
    """What was looked at, and how; the worst slices are among the scorecard's slices, marked `searched`."""

    model_config = ConfigDict(frozen=True)

    features: int
    looked_at: int
    pairs_of: list[str] = []
    method: str
    reason: str | None = None


@dataclass(frozen=True)
class _Judged:
    """Candidate, champion and the excess per slice; each row's influence on the excess of its slice."""

    candidate: np.ndarray
    champion: np.ndarray
    excess: np.ndarray
    moved: np.ndarray

    def where(self, own: np.ndarray, other: _Judged, codes: np.ndarray) -> _Judged:
        """These figures for the slices in `own`, the other's for the rest."""
        return _Judged(
            np.where(own, self.candidate, other.candidate),
            np.where(own, self.champion, other.champion),
            np.where(own, self.excess, other.excess),
            np.where(own[codes], self.moved, other.moved),
        )


@dataclass(frozen=True)
class _Looked:
    """Slices side by side: names, rows, what was lost, and its sums per window of blocks, (windows, slices).

    `share`: of a window, what it knows that the others do not: where windows overlap they are worth fewer.
    """

    names: list[tuple[str, str]]
    metric: list[str]
    rows: np.ndarray
    candidate: np.ndarray
    champion: np.ndarray
    excess: np.ndarray
    sums: np.ndarray
    share: float
    paired: bool = False

    @property
    def harm(self) -> np.ndarray:
        """How much worse the candidate is than the champion."""
        sign = np.array([1.0 if one in HIGHER_IS_BETTER else -1.0 for one in self.metric])
        return sign * (self.champion - self.candidate)

    @property
    def freedom(self) -> np.ndarray:
        """Degrees of freedom of each standard error: as few as the clusters that matter (after Satterthwaite 1946)."""
        squares, fourth = (self.sums**2).sum(axis=0), (self.sums**4).sum(axis=0)
        matter = 3 * squares**2 / np.where(fourth > 0, fourth, 1.0)
        return np.clip(self.share * matter - 1, 2, self.share * len(self.sums) - 1)

    @property
    def error(self) -> np.ndarray:
        """Standard error of each gain, robust to dependence within clusters (Liang and Zeger 1986)."""
        found = np.sqrt((self.sums**2).sum(axis=0) * (1 + 1 / self.freedom)) / self.rows
        return np.maximum(found, 1e-9 * np.maximum(1e-3, np.abs(self.champion)))


def search_slices(problem: Problem, task: Task, evidence: Evidence) -> tuple[SliceSearch | None, list[Slice]]:
    """What was looked at, and the slices that got worst, the worst first: all credibly harmed ones (at most 10).

    Every value (quarter, month) of every feature with at least 100 rows and 2 % of all is a slice, and so are pairs of
    values of the features by which the champion's answers differ most. Each is judged on the primary metric, paired,
    with influences summed per cluster. The p-values are those of the step-down maximum over all slices (Romano and
    Wolf, Econometrica 73, 2005) with Gaussian multipliers of the clusters (Chernozhukov, Chetverikov, Kato, Ann.
    Statist. 41, 2013): slices that overlap are not paid for twice. Pairs have a fifth of the error allowed.
    """
    features, champion = evidence.features, evidence.champion
    if features is None or champion is None or not problem.good_enough.search_slices:
        return None, []
    if not (np.isfinite(evidence.candidate).all() and np.isfinite(champion).all()):
        return None, []
    evidence = replace(evidence, features=None, slices={})
    drawn = resample(len(evidence.y), evidence.clusters, problem.split.seed, paired=True)
    singles, pairs, telling = partitions(features, champion)
    alone = [_look(problem, task, evidence, drawn, one) for one in singles]
    paired = [replace(_look(problem, task, evidence, drawn, one), paired=True) for one in pairs]
    families = [one for one in (_joined(alone), _joined(paired)) if one is not None]
    unit = "blocks of rows" if evidence.clusters is None else "clusters"
    method = f"step-down maximum over all slices of t-statistics over {unit}, {DRAWS} draws of Gaussian multipliers"
    if not families:
        why = f"no slice has {fewest_rows(len(evidence.y))} rows and {FEWEST_BLOCKS} clusters beside others"
        return SliceSearch(features=features.shape[1], looked_at=0, method=method, reason=why), []
    search = SliceSearch(
        features=features.shape[1],
        looked_at=sum(len(one.names) for one in families),
        pairs_of=telling,
        method=method,
    )
    found = [one for family in families for one in _ranked(family, problem, len(families) > 1)]
    found.sort(key=lambda one: -one[0])
    harmed = sum(one.harmed(1 - problem.good_enough.confidence) for _, one in found)
    return search, [one for _, one in found[: max(SHOWN, min(harmed, 2 * SHOWN))]]


def _look(problem: Problem, task: Task, evidence: Evidence, drawn: Resampling, partition: Partition) -> _Looked:
    """The slices of one partition, each on the primary metric, or on the loss that stands in where it is undefined."""
    column, codes, names = partition
    primary = problem.primary_metric(task)
    rows = np.flatnonzero(codes >= 0)
    part = evidence.rows(rows)
    rare = _rare(task, part.y, codes[rows], len(names))
    judged = _judged(problem, task, part, codes[rows], len(names), primary)
    stands_in = STANDS_IN.get(primary, primary)
    own = np.isfinite(judged.champion) & ~(rare & (primary in STANDS_IN))
    if not own.all() and stands_in != primary:
        judged = judged.where(own, _judged(problem, task, part, codes[rows], len(names), stands_in), codes[rows])
    blocks, share = drawn.count, drawn.worth / drawn.count
    cell = drawn.block[rows] * len(names) + codes[rows]
    sums = np.bincount(cell, weights=judged.moved, minlength=blocks * len(names)).reshape(blocks, len(names))
    here = np.bincount(cell, minlength=blocks * len(names)).reshape(blocks, len(names)) > 0
    usable = np.flatnonzero(np.isfinite(judged.excess) & (share * here.sum(axis=0) >= FEWEST_BLOCKS))
    metric = np.where(own, primary, stands_in)
    return _Looked(
        [(column, names[one]) for one in usable],
        [str(one) for one in metric[usable]],
        np.bincount(codes[rows], minlength=len(names))[usable],
        judged.candidate[usable],
        judged.champion[usable],
        judged.excess[usable],
        drawn.joined(sums[:, usable]),
        share,
    )


def _rare(task: Task, y: np.ndarray, codes: np.ndarray, groups: int) -> np.ndarray:
    """Slices in which all classes but one have too few rows."""
    if task == "regression":
        return np.zeros(groups, dtype=bool)
    classes = int(y.max()) + 1
    counts = np.bincount(codes * classes + y.astype(np.intp), minlength=groups * classes).reshape(groups, classes)
    return np.sort(counts, axis=1)[:, -2] < FEWEST_OF_A_CLASS if classes > 1 else np.ones(groups, dtype=bool)


def _judged(problem: Problem, task: Task, part: Evidence, codes: np.ndarray, groups: int, metric: str) -> _Judged:
    sign, margin = (1 if metric in HIGHER_IS_BETTER else -1), problem.good_enough.slice_margin
    assert part.champion is not None
    ours, moved = influence(task, metric, part.y, part.candidate, codes, groups)
    theirs, theirs_moved = influence(task, metric, part.y, part.champion, codes, groups)
    excess = sign * (theirs - ours) - margin * np.abs(theirs)
    return _Judged(ours, theirs, excess, sign * (theirs_moved - moved))


def _joined(parts: list[_Looked]) -> _Looked | None:
    parts = [one for one in parts if one.names]
    if not parts:
        return None
    names = [name for one in parts for name in one.names]
    metric = [name for one in parts for name in one.metric]
    rows, candidate, champion, excess = (
        np.concatenate([getattr(one, name) for one in parts]) for name in ("rows", "candidate", "champion", "excess")
    )
    sums = np.hstack([one.sums for one in parts])
    return _Looked(names, metric, rows, candidate, champion, excess, sums, parts[0].share, parts[0].paired)


def _ranked(looked: _Looked, problem: Problem, shared: bool) -> list[tuple[float, Slice]]:
    """The worst slices of a family with how many standard errors they lost; a family has its share of the error."""
    share = (PAIRS_SHARE if looked.paired else 1 - PAIRS_SHARE) if shared else 1.0
    deviate = -ndtri(np.clip(stdtr(looked.freedom, -looked.harm / looked.error), 1e-300, 1))
    level = (1 - problem.good_enough.confidence) * share
    p_values, critical = _step_down(looked.sums, deviate, problem.split.seed, level)
    half = stdtrit(looked.freedom, ndtr(critical)) * looked.error
    worst = np.argsort(-deviate, kind="stable")[: 2 * SHOWN]
    return [
        (float(deviate[one]), _slice(looked, int(one), float(half[one]), min(1.0, float(p_values[one]) / share)))
        for one in worst
    ]


def _step_down(sums: np.ndarray, deviate: np.ndarray, seed: int, level: float) -> tuple[np.ndarray, float]:
    """The p-values of deviates, corrected for their number, and what luck alone reaches at this level.

    A slice that is credibly better is none of those that luck may make look worse, and is not paid for (Hansen, "A Test
    for Superior Predictive Ability", 2005: beyond the law of the iterated logarithm).
    """
    scale = np.sqrt((sums**2).sum(axis=0))
    multipliers = np.random.default_rng([seed, len(sums)]).normal(size=(DRAWS, len(sums)))
    lucky = multipliers @ (sums / np.where(scale > 0, scale, 1.0))
    critical = float(np.quantile(lucky.max(axis=1), 1 - level))
    better = deviate < -np.sqrt(2 * np.log(np.log(_MANY)))
    lucky[:, better] = -np.inf
    order = np.argsort(deviate, kind="stable")
    # From the least to the greatest: the maximum over all slices that are no more extreme than each.
    highest = np.maximum.accumulate(lucky[:, order], axis=1)
    p_values = np.empty(len(order))
    p_values[order] = (1 + (highest >= deviate[order]).sum(axis=0)) / (1 + DRAWS)
    down = order[::-1]
    p_values[down] = np.maximum.accumulate(p_values[down])
    p_values[better] = 1.0
    return p_values, critical


def _slice(looked: _Looked, one: int, half: float, p_value: float) -> Slice:
    metric = looked.metric[one]
    ours, theirs, excess = (float(values[one]) for values in (looked.candidate, looked.champion, looked.excess))
    gain = -float(looked.harm[one])
    return Slice(
        column=looked.names[one][0],
        value=looked.names[one][1],
        rows=int(looked.rows[one]),
        metrics={metric: Metric(value=ours)},
        champion={metric: Metric(value=theirs)},
        judged_on=metric,
        gain=Comparison(metric=metric, difference=gain, low=gain - half, high=gain + half),
        excess=Metric(value=excess, low=excess - half, high=excess + half),
        p_value=p_value,
        searched=True,
    )
