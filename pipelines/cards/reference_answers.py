"""What a model answered to the reference rows beside what came, as plots need it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipelines.core.evaluation.reference_table import has_answers, reference_labels, reference_scores
from pipelines.core.schema import Contract
from pipelines.core.target_codes import encode_target


@dataclass(frozen=True)
class Answers:
    """`y`: class codes or values, (n,); `scores`: probabilities (n, classes), or values (n,); none is NaN."""

    y: np.ndarray
    scores: np.ndarray

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.y)


def read_answers(contract: Contract, reference: pd.DataFrame) -> Answers | None:
    """The answers in a release's reference rows; None where it has none that can be drawn."""
    if not has_answers(reference, contract.classes):
        return None
    y = encode_target(contract, reference_labels(reference))
    scores = reference_scores(reference, contract.classes)
    finite = np.isfinite(scores)
    whole = np.isfinite(y) & (finite if finite.ndim == 1 else finite.all(axis=1))
    return Answers(y[whole], scores[whole]) if whole.any() else None


def roc_points(hit: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """False and true positive rates at every threshold, from none to all rows; rows of one score move together.

    `hit`: whether the row is of the class; both shapes (n,). NaN where a rate has no rows.

    >>> false, true = roc_points(np.array([True, False, True]), np.array([0.9, 0.2, 0.4]))
    >>> false.tolist(), true.tolist()
    ([0.0, 0.0, 0.0, 1.0], [0.0, 0.5, 1.0, 1.0])
    """
    hits, misses = _counts(hit, score)
    with np.errstate(invalid="ignore"):
        return np.r_[0.0, misses / misses[-1]], np.r_[0.0, hits / hits[-1]]


def precision_points(hit: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Recall and precision at every threshold, the highest first; both of one length.

    >>> recall, precision = precision_points(np.array([True, False, True]), np.array([0.9, 0.2, 0.4]))
    >>> recall.tolist(), precision.round(2).tolist()
    ([0.5, 1.0, 1.0], [1.0, 1.0, 0.67])
    """
    hits, misses = _counts(hit, score)
    with np.errstate(invalid="ignore"):
        return hits / hits[-1], hits / (hits + misses)


def thinned(x: np.ndarray, y: np.ndarray, most: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """At most about so many points of a curve, evenly along it, both ends kept.

    >>> x = np.linspace(0, 1, 1000)
    >>> len(thinned(x, x)[0]), float(thinned(x, x)[0][-1])
    (300, 1.0)
    """
    if len(x) <= most:
        return x, y
    along = np.r_[0.0, np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y)))]
    places = np.searchsorted(along, np.linspace(0, along[-1], most))
    kept = np.unique(np.r_[0, np.minimum(places, len(x) - 1), len(x) - 1])
    return x[kept], y[kept]


def _counts(hit: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the class and others at or above each distinct score, the highest first."""
    order = np.argsort(-score, kind="stable")
    ends = np.r_[np.flatnonzero(np.diff(score[order])), len(score) - 1]
    hits = np.cumsum(hit[order])[ends].astype(np.float64)
    return hits, ends + 1 - hits
