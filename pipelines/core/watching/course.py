"""The course of one quantity over the blocks: calm, worth a look, or an alarm that has not ended yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from pipelines.core.watching.detector import Evidence, Series, gather

State = Literal["healthy", "warning", "alarm"]
_WARN, _CALM = 0.5, 0.25  # shares of the alarm's evidence (its logarithm) at which a warning begins and ends
_LEFT = 0.8  # of the limit: a warning or an alarm ends below this
_SUFFIXES = (2, 3, 5, 8, 13, 21)  # numbers of newest blocks by which an alarm may end
_SURE = 1.2816  # standard errors: 90% one-sided


@dataclass(frozen=True)
class Course:
    """Where the quantity stands after the last block."""

    state: State
    since: int
    """Block since which it is most likely so."""
    estimate: float
    """Mean since then."""
    error: float
    """Its standard error."""
    log: float
    """Natural logarithm of the evidence; -inf without blocks. In an alarm the most there has been."""
    needed: float
    """Natural logarithm of the evidence that an alarm needs."""


def follow(series: Series, tolerance: float, unit: float, limit: float, needed: float) -> Course:
    """The course of a series, from its first block to its last.

    An alarm begins when the evidence for a mean above `tolerance` reaches `needed` and the mean since the likely change
    is above `limit`; it ends when the newest blocks credibly are below the limit, and what came before is forgotten
    then. A warning needs half of the evidence, on the scale of logarithms.
    """
    sums = _Sums(series)
    first, began = 0, -1
    state: State = "healthy"
    evidence, most = gather(series, tolerance, unit), -np.inf
    if not (evidence.log >= _WARN * needed).any():  # nothing can have begun: so it is nearly always
        return _course(sums, evidence, state, -1, most, needed, first)
    for one in range(len(series)):
        if state == "alarm":
            most = max(most, float(evidence.log[one]))
            if _ended(sums, began, one, limit):
                state, first = "healthy", one + 1
                evidence = gather(series, tolerance, unit, first)
            continue
        state = _state(sums, evidence, one, state, limit, needed)
        if state == "alarm":
            began, most = int(evidence.since[one]), float(evidence.log[one])
    return _course(sums, evidence, state, began, most, needed, first)


def _state(sums: _Sums, evidence: Evidence, one: int, before: State, limit: float, needed: float) -> State:
    log, estimate = float(evidence.log[one]), sums.mean(int(evidence.since[one]), one)[0]
    if log >= needed and estimate >= limit:
        return "alarm"
    if log >= _WARN * needed and estimate >= limit:
        return "warning"
    if before == "warning" and log >= _CALM * needed and estimate >= _LEFT * limit:
        return "warning"
    return "healthy"


def _ended(sums: _Sums, began: int, one: int, limit: float) -> bool:
    """The newest blocks are below the limit, and not by chance."""
    for length in _SUFFIXES:
        if one - length < began:
            break
        mean, error = sums.mean(one - length + 1, one)
        if mean < limit / 2 and mean + _SURE * error < _LEFT * limit:
            return True
    return False


def _course(
    sums: _Sums, evidence: Evidence, state: State, began: int, most: float, needed: float, first: int
) -> Course:
    last = len(evidence.log) - 1
    if last < first:  # nothing came since the last alarm ended
        return Course(state, max(last, 0), 0.0, np.inf, -np.inf, needed)
    since = began if state == "alarm" else int(evidence.since[last])
    mean, error = sums.mean(since, last)
    return Course(state, since, mean, error, most if state == "alarm" else float(evidence.log[last]), needed)


class _Sums:
    """Means of any stretch of blocks, each weighted by how much it says."""

    def __init__(self, series: Series) -> None:
        weight = 1 / np.maximum(series.variance + series.between, 1e-300)
        self.weight = np.concatenate([[0.0], np.cumsum(weight)])
        self.value = np.concatenate([[0.0], np.cumsum(weight * series.mean)])

    def mean(self, first: int, last: int) -> tuple[float, float]:
        """The mean of blocks `first` to `last`, and its standard error."""
        weight = float(self.weight[last + 1] - self.weight[first])
        return float(self.value[last + 1] - self.value[first]) / weight, weight**-0.5
