"""What is asked of the gate: which challenger meets the champion, and what a good gate would do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from benchmarks.decisions.shapes import OWN, SHARED, Shape
from benchmarks.decisions.truths import binary_truth, known_for, regression_truth
from pipelines.core.good_enough import GoodEnough
from pipelines.core.problem import HIGHER_IS_BETTER

Kind = Literal["equal", "worse", "gain", "hurt", "hidden"]
KINDS: tuple[Kind, ...] = ("equal", "worse", "gain", "hurt", "hidden")
GAIN = 0.02
HURT = 0.05
CHAMPION = SHARED + OWN


@dataclass(frozen=True)
class Question:
    """`known`: what the challenger knows of the latent variance; `hurt`: what it knows in the slice that it harms."""

    kind: Kind
    primary: str
    known: float
    hurt: float | None = None
    declared: bool = True
    """Whether the problem file names the slice column, or the gate must find it."""


def question(shape: Shape, kind: Kind, primary: str) -> Question:
    """The challenger of this kind: no better, worse by twice the margin, better by 0.02 of the area under the curve
    (R² in a regression), or as much better on average and worse by 0.05 in one of five slices.

    >>> asked = question(Shape(5000, 0.5, None), "gain", "log_loss")
    >>> round(binary_truth(0.5, asked.known)["roc_auc"] - binary_truth(0.5, CHAMPION)["roc_auc"], 4)
    0.02
    """
    gained = "r2" if shape.positive is None else "roc_auc"
    if kind == "equal":
        return Question(kind, primary, CHAMPION)
    if kind == "worse":
        lost = 2 * GoodEnough().margin * truth(shape, CHAMPION)[primary]
        return Question(kind, primary, _moved(shape, primary, -lost))
    better = _moved(shape, gained, GAIN)
    if kind == "gain":
        return Question(kind, primary, better)
    return Question(kind, primary, better, _moved(shape, gained, -HURT), declared=kind == "hurt")


def truth(shape: Shape, known: float, other: float = CHAMPION) -> dict[str, float]:
    """A model's true metrics; `other`: what its rival knows (it bounds what nobody knows)."""
    if shape.positive is not None:
        return binary_truth(shape.positive, known)
    unknowable = 1 - SHARED - OWN - max(OWN, max(known, other) - SHARED)
    return regression_truth(known, unknowable, shape.daily)


def _moved(shape: Shape, metric: str, by: float) -> float:
    """What a model knows whose metric is better than the champion's by so much (worse: below 0)."""
    sign = 1 if metric in HIGHER_IS_BETTER else -1
    return known_for(shape.positive, metric, truth(shape, CHAMPION)[metric] + sign * by)
