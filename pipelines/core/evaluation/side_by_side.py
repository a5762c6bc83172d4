"""Two releases side by side on the same rows: each metric and slice of both, and the gain of one over the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from pipelines.core.metrics import Comparison, Metric, blocks_for, compare, metric_names, metrics
from pipelines.core.problem import Task
from pipelines.core.resampling import resample

FEWEST_SLICE_ROWS = 20


class Pair(BaseModel):
    """One metric of both on the same rows; `gain`: how much better the second is, above 0 is better."""

    model_config = ConfigDict(frozen=True)

    metric: str
    first: Metric
    second: Metric
    gain: Comparison

    @property
    def credible(self) -> str | None:
        """Who is credibly better on this metric: first, second, or None where it cannot be told."""
        if self.gain.low is None or self.gain.high is None:
            return None
        return "second" if self.gain.low > 0 else "first" if self.gain.high < 0 else None


class SlicePair(Pair):
    """The primary metric of both on one slice."""

    column: str
    value: str
    rows: int


class SideBySide(BaseModel):
    """Both releases on the same rows; `notes` state the method."""

    model_config = ConfigDict(frozen=True)

    rows: int
    primary: str
    confidence: float
    metrics: list[Pair]
    slices: list[SlicePair] = []
    notes: list[str] = []


def lay_side_by_side(
    task: Task,
    primary: str,
    y: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    *,
    clusters: np.ndarray | None = None,
    slices: Mapping[str, np.ndarray] | None = None,
    confidence: float = 0.95,
    seed: int = 0,
) -> SideBySide:
    """Every metric of both and of each slice the primary one, with paired intervals.

    `y`: class codes or values, shape (n,); `first`, `second`: scores on the same rows, (n, classes) or (n,);
    `clusters`: rows with equal values are dependent; `slices`: column to slice texts. Put rows in a canonical order.

    >>> y = np.arange(60.0)
    >>> found = lay_side_by_side("regression", "mae", y, y + 3, y + 1, slices={"half": np.where(y < 30, "low", "high")})
    >>> found.metrics[1].metric, found.metrics[1].gain.difference, found.metrics[1].credible
    ('mae', 2.0, 'second')
    >>> [(one.value, one.rows, one.gain.difference) for one in found.slices]
    [('high', 30, 2.0), ('low', 30, 2.0)]
    """
    how: dict[str, Any] = {"confidence": confidence, "seed": seed}
    ours, theirs = (metrics(task, y, scores, clusters=clusters, **how) for scores in (first, second))
    pairs = [
        Pair(
            metric=name,
            first=ours[name],
            second=theirs[name],
            gain=compare(task, name, y, second, first, clusters=clusters, **how),
        )
        for name in metric_names(task)
    ]
    found = []
    for column, values in (slices or {}).items():
        for value in sorted(set(values.tolist())):
            rows = np.flatnonzero(values == value)
            if len(rows) >= FEWEST_SLICE_ROWS:
                groups = None if clusters is None else clusters[rows]
                sides = (y[rows], first[rows], second[rows])
                found.append(_slice(task, primary, column, value, sides, groups, how))
    drawn = resample(len(y), clusters, seed, blocks_for(second))
    notes = [f"intervals: paired {drawn.method}"]
    if found:
        notes.append(f"each slice is judged by itself: {1 - confidence:.0%} of them stand out by chance alone")
    return SideBySide(rows=len(y), primary=primary, confidence=confidence, metrics=pairs, slices=found, notes=notes)


def _slice(
    task: Task,
    primary: str,
    column: str,
    value: str,
    sides: tuple[np.ndarray, np.ndarray, np.ndarray],
    clusters: np.ndarray | None,
    how: dict[str, Any],
) -> SlicePair:
    y, first, second = sides
    ours, theirs = (
        metrics(task, y, scores, clusters=clusters, names=[primary], **how)[primary] for scores in (first, second)
    )
    gain = compare(task, primary, y, second, first, clusters=clusters, **how)
    return SlicePair(column=column, value=value, rows=len(y), metric=primary, first=ours, second=theirs, gain=gain)
