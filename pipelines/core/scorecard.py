"""The Scorecard: how good a candidate is on held-out rows: overall, per slice, against the champion."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from pipelines.core.calibration import Calibration, calibrate
from pipelines.core.evaluation.behaviour import Behaved
from pipelines.core.evaluation.cost import Cost
from pipelines.core.evaluation.evidence import Evidence
from pipelines.core.evaluation.explanation import Explanation
from pipelines.core.evaluation.fairness import Fairness
from pipelines.core.evaluation.leak_check import Leak
from pipelines.core.evaluation.robustness import Stress
from pipelines.core.evaluation.slice_harm import Slice, judge_slices
from pipelines.core.evaluation.slice_search import SliceSearch, search_slices
from pipelines.core.metrics import Comparison, Metric, blocks_for, comparisons, confusion_matrix, metrics
from pipelines.core.problem import Problem, Task
from pipelines.core.resampling import resample

__all__ = ["Champion", "Evidence", "Leak", "Scorecard", "Slice", "judge"]

STRICT = 0.995
"""Of the interval that says whether a harm far beyond the margin is ruled out: it passes in at most 1 of 400 cases."""
SPENT = 0.7
"""Of the error that the problem allows, what luck may cost a champion: 3.5 of 100 duels where the confidence is 95 %.
The rest is for what intervals of few rows and days miss beyond what they say: up to a quarter more."""


class Champion(BaseModel):
    """The champion on the same rows; `reason` says why it could not be scored."""

    model_config = ConfigDict(frozen=True)

    version: int | None
    digest: str
    metrics: dict[str, Metric] = {}
    reason: str | None = None


class Scorecard(BaseModel):
    """Everything the gate goes by; `notes` state the method and what could not be judged."""

    model_config = ConfigDict(frozen=True)

    task: Task
    primary: str
    digest: str
    rows: int
    period: tuple[datetime, datetime] | None
    confidence: float
    metrics: dict[str, Metric]
    classes: list[str] | None = None
    confusion: list[list[int]] | None = None
    slices: list[Slice] = []
    search: SliceSearch | None = None
    """What the search for harmed slices looked at; those that it found are among the slices."""
    calibration: Calibration
    baseline: dict[str, Metric]
    champion: Champion | None = None
    comparison: Comparison | None = None
    strict: Comparison | None = None
    """The same at 99.5 % (or the problem's confidence, if that is more): what rules a harm beyond the margin out."""
    one_sided: Comparison | None = None
    """The same with a low end that a gain is decided by: a gain of 0 lies below it in `SPENT` of the error allowed."""
    fitted: dict[str, Metric] = {}
    """The same metrics on the rows that the candidate was fitted on: what it remembers, not what it knows."""
    leaks: list[Leak] = []
    """Features that alone tell the label almost perfectly on the held-out rows."""
    fairness: list[Fairness] = []
    robustness: list[Stress] = []
    behaviour: list[Behaved] = []
    explanation: Explanation | None = None
    cost: Cost | None = None
    notes: list[str] = []


def judge(problem: Problem, task: Task, evidence: Evidence, digest: str, **facts: Any) -> Scorecard:
    """The scorecard of the evidence; rows are put in the order of their ids first: order never matters.

    `facts` are further fields of the card (period, classes, champion, notes), taken as they are; the
    champion's metrics are filled in where its scores are part of the evidence.

    >>> problem = Problem.model_validate({"name": "x", "data": {"source": "x.csv", "target": "y"}})
    >>> y = np.arange(40.0); ids = np.arange(40).astype(str)
    >>> card = judge(problem, "regression", Evidence(ids, y, y + 1, np.full(40, y.mean())), "d1")
    >>> card.metrics["rmse"].value, card.baseline["mae"].value, card.rows
    (1.0, 10.0, 40)
    """
    evidence = evidence.rows(np.argsort(evidence.ids, kind="stable"))
    primary = problem.primary_metric(task)
    champion: Champion | None = facts.pop("champion", None)
    comparison = strict = one_sided = None
    how = _how(problem, evidence)
    if champion is not None and evidence.champion is not None:
        found = metrics(task, evidence.y, evidence.champion, **how)
        champion = champion.model_copy(update={"metrics": found})
        asked = problem.good_enough.confidence
        levels = (asked, max(STRICT, asked), max(0.0, 1 - 2 * SPENT * (1 - asked)))
        duel = (task, primary, evidence.y, evidence.candidate, evidence.champion)
        comparison, strict, one_sided = comparisons(*duel, levels, clusters=evidence.clusters, seed=problem.split.seed)
    searched, worst = search_slices(problem, task, evidence)
    drawn = resample(len(evidence.y), evidence.clusters, most_blocks=blocks_for(evidence.candidate))
    notes = [*facts.pop("notes", []), f"intervals: {drawn.method}"]
    return Scorecard(
        task=task,
        primary=primary,
        digest=digest,
        rows=len(evidence.y),
        period=facts.pop("period", None),
        confidence=problem.good_enough.confidence,
        metrics=metrics(task, evidence.y, evidence.candidate, **how),
        confusion=None if task == "regression" else confusion_matrix(evidence.y, evidence.candidate),
        slices=[*judge_slices(problem, task, evidence), *worst],
        search=searched,
        calibration=calibrate(task, evidence.y, evidence.candidate, **how),
        baseline=metrics(task, evidence.y, evidence.baseline, **how),
        champion=champion,
        comparison=comparison,
        strict=strict,
        one_sided=one_sided,
        notes=notes,
        **facts,
    )


def _how(problem: Problem, evidence: Evidence) -> dict[str, Any]:
    return {
        "clusters": evidence.clusters,
        "confidence": problem.good_enough.confidence,
        "seed": problem.split.seed,
    }
