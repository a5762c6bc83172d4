"""What each window truly cost: the regret of the release's answers against the labels' true distribution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.alarms.releases import Watched
from benchmarks.alarms.rows import Drawn
from pipelines.core.problem import Task

REAL = 0.05
"""A loss is real from this share of the release's own: half of what `monitoring.thresholds.loss` calls an alarm."""
_SMALLEST = 1e-15


@dataclass(frozen=True)
class Truth:
    """By day since the release: `harm` (days,) beyond the reference's, as a share of the release's own log loss, or as
    the rise of its root mean squared error."""

    harm: np.ndarray
    onset: int | None
    """The first day of a real loss that a change brought; None: there is none."""

    @property
    def real(self) -> np.ndarray:
        """(days,) whether the loss is real."""
        return self.harm >= REAL


def truth(drawn: Drawn, watched: Watched) -> Truth:
    """The true harm of every day: mean Kullback-Leibler divergence of the answers from the truth (classification), or
    mean squared distance of the answers from the true mean, less what it was on the reference rows.

    No label is looked at, so that neither luck nor harder rows count as harm.
    """
    task = drawn.stream.task
    each = regret(task, drawn.truth, watched.answers)
    own = watched.side.losses["mse" if task == "regression" else "log_loss"]
    served = drawn.day >= 0
    day = drawn.day[served]
    sums = np.bincount(day, weights=each[served], minlength=drawn.stream.days)
    counts = np.bincount(day, minlength=drawn.stream.days)
    harm = (sums / np.maximum(counts, 1) - each[watched.held_out].mean()) / own
    if task == "regression":  # thresholds are shares of the root
        harm = np.sqrt(1 + np.maximum(harm, -1)) - 1
    return Truth(harm, _onset(drawn, harm))


def regret(task: Task, truth: np.ndarray, answers: np.ndarray) -> np.ndarray:
    """(n,) what each answer is expected to cost beyond the best answer.

    >>> regret("binary", np.array([[0.5, 0.5]]), np.array([[0.5, 0.5]]))
    array([0.])
    """
    if task == "regression":
        return (truth - answers) ** 2
    safe = np.clip(answers, _SMALLEST, 1)
    return (truth * (np.log(np.clip(truth, _SMALLEST, 1)) - np.log(safe))).sum(axis=1)


def _onset(drawn: Drawn, harm: np.ndarray) -> int | None:
    if drawn.onset is None:
        return None
    after = np.flatnonzero(harm[drawn.onset :] >= REAL)
    return int(drawn.onset + after[0]) if len(after) else None
