"""The Scorecard: how good a candidate is on held-out rows: overall, per slice, against the champion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from pipelines.core.calibration import Calibration, calibrate
from pipelines.core.metrics import (
    Comparison,
    Metric,
    blocks_for,
    compare,
    confusion_matrix,
    mean_interval,
    metrics,
    per_row_loss,
)
from pipelines.core.problem import Problem, Task
from pipelines.core.resampling import resample

FEWEST_SLICE_ROWS = 20


class Slice(BaseModel):
    """One slice's metrics; `excess` is the candidate's loss beyond the champion's plus the margin."""

    model_config = ConfigDict(frozen=True)

    column: str
    value: str
    rows: int
    metrics: dict[str, Metric]
    champion: dict[str, Metric] | None = None
    excess: Metric | None = None


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
    calibration: Calibration
    baseline: dict[str, Metric]
    champion: Champion | None = None
    comparison: Comparison | None = None
    notes: list[str] = []


@dataclass(frozen=True)
class Evidence:
    """What a scorecard is made from, one entry per held-out row with a label.

    `ids`: texts that order the rows; `y`: codes or values; `candidate`, `baseline`, `champion`: scores on the
    same rows, (n, classes) or (n,); `clusters`: rows with equal values are dependent; `slices`: column to
    slice texts.
    """

    ids: np.ndarray
    y: np.ndarray
    candidate: np.ndarray
    baseline: np.ndarray
    champion: np.ndarray | None = None
    clusters: np.ndarray | None = None
    slices: Mapping[str, np.ndarray] = field(default_factory=dict)

    def rows(self, chosen: np.ndarray) -> Evidence:
        """The evidence of the chosen rows only, in the order chosen."""
        return replace(
            self,
            ids=self.ids[chosen],
            y=self.y[chosen],
            candidate=self.candidate[chosen],
            baseline=self.baseline[chosen],
            champion=None if self.champion is None else self.champion[chosen],
            clusters=None if self.clusters is None else self.clusters[chosen],
            slices={name: values[chosen] for name, values in self.slices.items()},
        )


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
    comparison = None
    how = _how(problem, evidence)
    if champion is not None and evidence.champion is not None:
        found = metrics(task, evidence.y, evidence.champion, **how)
        champion = champion.model_copy(update={"metrics": found})
        comparison = compare(task, primary, evidence.y, evidence.candidate, evidence.champion, **how)
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
        slices=_slices(problem, task, evidence),
        calibration=calibrate(task, evidence.y, evidence.candidate),
        baseline=metrics(task, evidence.y, evidence.baseline, **how),
        champion=champion,
        comparison=comparison,
        notes=notes,
        **facts,
    )


def _how(problem: Problem, evidence: Evidence) -> dict[str, Any]:
    return {
        "clusters": evidence.clusters,
        "confidence": problem.good_enough.confidence,
        "seed": problem.split.seed,
    }


def _slices(problem: Problem, task: Task, evidence: Evidence) -> list[Slice]:
    found = []
    for column, values in evidence.slices.items():
        for value in sorted(set(values.tolist())):
            rows = np.flatnonzero(values == value)
            found.append(_slice(problem, task, column, value, evidence.rows(rows)))
    return found


def _slice(problem: Problem, task: Task, column: str, value: str, evidence: Evidence) -> Slice:
    primary = problem.primary_metric(task)
    how = _how(problem, evidence)
    theirs, excess = None, None
    if evidence.champion is not None:
        theirs = metrics(task, evidence.y, evidence.champion, **how)
        ours_lost = per_row_loss(task, evidence.y, evidence.candidate, primary)
        theirs_lost = per_row_loss(task, evidence.y, evidence.champion, primary)
        allowed = _allowed(primary, problem.good_enough.slice_margin)
        if len(evidence.y) >= FEWEST_SLICE_ROWS:
            excess = mean_interval(ours_lost - allowed * theirs_lost, **how)
        else:
            excess = Metric(value=None, reason=f"fewer than {FEWEST_SLICE_ROWS} rows: not judged")
    found = metrics(task, evidence.y, evidence.candidate, **how)
    return Slice(column=column, value=value, rows=len(evidence.y), metrics=found, champion=theirs, excess=excess)


def _allowed(primary: str, margin: float) -> float:
    """The factor on the champion's mean loss; a margin on the root of a mean counts twice on the mean."""
    return (1 + margin) ** 2 if primary == "rmse" else 1 + margin
