"""Robustness: what becomes of a model when its input is worse than what it was trained on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict

from pipelines.core.metrics import Comparison, Metric, compare, metrics

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.core.evaluation.subject import Subject

MOST_ROWS = 2_000
UNSEEN = "never seen before"
_SHARE = 0.1


class Stress(BaseModel):
    """The primary metric on damaged rows; `fall`: how much better it is on the same rows undamaged."""

    model_config = ConfigDict(frozen=True)

    name: str
    what: str
    rows: int
    metric: Metric
    fall: Comparison | None = None


def stress(subject: Subject) -> list[Stress]:
    """The subject under each kind of damage that its features allow; the rows, at most 2,000, and the draws are seeded.

    Noise and shifts are in standard deviations of each feature, measured on the rows themselves. After Hendrycks and
    Dietterich, "Benchmarking neural network robustness to common corruptions", ICLR 2019: the same rows, damaged.
    """
    some = subject.sample(MOST_ROWS)
    damaged = []
    for position, (name, what, damage) in enumerate(_DAMAGES):
        frame = damage(some, np.random.default_rng([subject.seed, position]))
        if frame is not None:
            damaged.append((name, what, frame))
    if not damaged:
        return []
    answered = some.ask_each([frame for _, _, frame in damaged])
    return [
        Stress(name=name, what=what, rows=len(some), metric=_metric(some, scores), fall=_fall(some, scores))
        for (name, what, _), scores in zip(damaged, answered, strict=True)
    ]


def _metric(some: Subject, scores: np.ndarray) -> Metric:
    return metrics(some.task, some.y, scores, names=[some.metric], **some.how)[some.metric]


def _fall(some: Subject, scores: np.ndarray) -> Comparison:
    return compare(some.task, some.metric, some.y, some.scores, scores, **some.how)


def _numbers(some: Subject) -> dict[str, np.ndarray]:
    """The numeric features that vary over more than two values: flags have no noise."""
    found = {}
    for name, kind in some.kinds.items():
        if kind == "numeric":
            values = some.frame[name].to_numpy(dtype=np.float64)
            if len(np.unique(values[np.isfinite(values)])) > 2:
                found[name] = values
    return found


def _noise(deviations: float) -> Callable[[Subject, np.random.Generator], pd.DataFrame | None]:
    def damage(some: Subject, source: np.random.Generator) -> pd.DataFrame | None:
        moved = {
            name: values + source.normal(size=len(values)) * deviations * np.nanstd(values)
            for name, values in _numbers(some).items()
        }
        return some.frame.assign(**moved) if moved else None

    return damage


def _shift(some: Subject, source: np.random.Generator) -> pd.DataFrame | None:
    moved = {name: values + np.nanstd(values) for name, values in _numbers(some).items()}
    return some.frame.assign(**moved) if moved else None


def _outside(some: Subject, source: np.random.Generator) -> pd.DataFrame | None:
    moved = {}
    for name, values in _numbers(some).items():
        low, high = np.nanmin(values), np.nanmax(values)
        far = np.where(source.random(len(values)) < 0.5, high + 3 * (high - low), low - 3 * (high - low))
        moved[name] = np.where((source.random(len(values)) < _SHARE) & np.isfinite(values), far, values)
    return some.frame.assign(**moved) if moved else None


def _missing(some: Subject, source: np.random.Generator) -> pd.DataFrame | None:
    emptied = {}
    for name, kind in some.kinds.items():
        gone = source.random(len(some)) < _SHARE
        values = some.frame[name]
        emptied[name] = values.mask(gone) if kind in ("numeric", "datetime") else values.where(~gone, None)
    return some.frame.assign(**emptied)


def _unseen(some: Subject, source: np.random.Generator) -> pd.DataFrame | None:
    odd = {}
    for name, kind in some.kinds.items():
        if kind == "categorical":
            odd[name] = some.frame[name].where(source.random(len(some)) >= _SHARE, UNSEEN)
    return some.frame.assign(**odd) if odd else None


_DAMAGES: tuple[tuple[str, str, Callable[[Subject, np.random.Generator], pd.DataFrame | None]], ...] = (
    ("noise 0.1", "every number moved by noise of 0.1 standard deviations", _noise(0.1)),
    ("noise 0.5", "every number moved by noise of 0.5 standard deviations", _noise(0.5)),
    ("missing", "one cell in ten missing", _missing),
    ("unseen", "one category in ten replaced by one never seen", _unseen),
    ("shifted", "every number shifted up by one standard deviation", _shift),
    ("outside", "one number in ten far outside its range, on either side", _outside),
)
