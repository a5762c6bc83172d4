"""Whether a challenger loses credibly more than the champion, asked as often as one likes while labels arrive.

Bounds are confidence sequences: they hold at every moment at once, so that looking after each label does not
make false alarms (a test that was made for one look would raise one sooner or later).

Means of losses: the one-sided asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas,
"Time-uniform central limit theory and asymptotic confidence sequences" (Annals of Statistics 52, 2024), prop. B.1.
Shares of failures: the beta mixture of Robbins (1970) with Ville's inequality, which is exact at any size
(Howard, Ramdas, McAuliffe and Sekhon, "Time-uniform, nonparametric, nonasymptotic confidence sequences", 2021).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

ALPHA = 0.05
"""Chance of ending the trial of a challenger that is within its limit, over the whole trial."""
LEAST_PAIRS = 100
"""Labels before pairs are judged: the sequence leans on the central limit theorem."""
LEAST_LABELS = 100
"""Labels of each arm before two arms are judged."""
LEAST_RARE = 30
"""Labels besides the most frequent class: before the rare ones come, a model that misses them looks good."""
_TUNED_FOR = 500  # labels at which the bounds are tightest
_CLIP = 1e-6  # a probability nearer to 0 counts as this: one sure miss must not outweigh a thousand rows


@dataclass
class Moments:
    """Count, mean and variance of numbers that come one at a time (Welford 1962)."""

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0

    def add(self, values: Iterable[float]) -> None:
        """Take in more numbers.

        >>> seen = Moments(); seen.add([1.0, 2.0, 3.0]); seen.count, seen.mean, seen.deviation
        (3, 2.0, 1.0)
        """
        for value in values:
            self.count += 1
            step = value - self.mean
            self.mean += step / self.count
            self.squares += step * (value - self.mean)

    @property
    def deviation(self) -> float:
        """The standard deviation; 0 below two numbers."""
        return math.sqrt(self.squares / (self.count - 1)) if self.count > 1 else 0.0


@dataclass(frozen=True)
class Finding:
    """What the labels say so far: each arm's mean loss and whether the challenger's is credibly too high."""

    worse: bool
    champion: float | None
    challenger: float | None
    labels: tuple[int, int]
    """Labels of the champion and of the challenger."""
    excess: float | None = None
    """Least credible amount by which the challenger's loss is above what is allowed; above 0 ends the trial."""


def row_loss(task: str, label: float, scores: list[float]) -> float:
    """Log loss of one row (`scores`: probabilities, `label`: class index), or the squared error of a value.

    >>> round(row_loss("binary", 1.0, [0.2, 0.8]), 3), row_loss("regression", 3.0, [1.0])
    (0.223, 4.0)
    """
    if task == "regression":
        return (scores[0] - label) ** 2
    return -math.log(min(max(scores[int(label)], _CLIP), 1.0))


class PairedLoss:
    """Both arms scored the same rows (shadow): the sequence of per-row differences decides."""

    def __init__(self, max_loss: float, alpha: float = ALPHA) -> None:
        self._allowed, self._alpha = 1.0 + max_loss, alpha
        self._champion, self._challenger, self._beyond = Moments(), Moments(), Moments()
        self._classes: Counter[float] = Counter()

    def add(self, champion: float, challenger: float, label: float | None = None) -> None:
        """The losses of one row and, for classification, the index of its class."""
        self._champion.add([champion])
        self._challenger.add([challenger])
        self._beyond.add([challenger - self._allowed * champion])
        if label is not None:
            self._classes[label] += 1

    def finding(self) -> Finding:
        """What is credible now.

        >>> loss = PairedLoss(max_loss=0.1)
        >>> for row in range(200):
        ...     loss.add(1.0 + row % 3, 2.0 + 2 * (row % 3))
        >>> loss.finding().worse
        True
        """
        seen, low = self._beyond, None
        if seen.count >= LEAST_PAIRS and _varied(self._classes):
            low = seen.mean - margin(seen, self._alpha)
        return _finding(self._champion, self._challenger, low)


class TwoArmLoss:
    """Each row was scored by one arm (canary): a bound on each arm, half of alpha for either.

    Rows of one routing key stay with one arm, so keys must be many, and none too large, for the bounds to hold.
    """

    def __init__(self, max_loss: float, alpha: float = ALPHA) -> None:
        self._allowed, self._alpha = 1.0 + max_loss, alpha
        self._arms = {"champion": Moments(), "challenger": Moments()}
        self._classes: dict[str, Counter[float]] = {"champion": Counter(), "challenger": Counter()}

    def add(self, arm: str, loss: float, label: float | None = None) -> None:
        """The loss of one row that this arm answered and, for classification, the index of its class."""
        self._arms[arm].add([loss])
        if label is not None:
            self._classes[arm][label] += 1

    def finding(self) -> Finding:
        """What is credible now.

        >>> loss = TwoArmLoss(max_loss=0.1)
        >>> for row in range(400):
        ...     loss.add(*("champion", 1.0 + row % 3 / 10) if row % 2 else ("challenger", 2.0 + row % 3 / 10))
        >>> loss.finding().worse
        True
        """
        champion, challenger = self._arms["champion"], self._arms["challenger"]
        low = None
        if min(champion.count, challenger.count) >= LEAST_LABELS and all(map(_varied, self._classes.values())):
            most = champion.mean + margin(champion, self._alpha / 2)
            low = challenger.mean - margin(challenger, self._alpha / 2) - self._allowed * most
        return _finding(champion, challenger, low)


def margin(seen: Moments, alpha: float) -> float:
    """How far the true mean may lie to one side of the mean so far, at every moment at once, but for alpha.

    >>> few, many = Moments(100, 0.0, 99.0), Moments(10_000, 0.0, 9_999.0)
    >>> round(margin(few, 0.05), 2), round(margin(many, 0.05), 3)
    (0.32, 0.031)
    """
    tuned = -2 * math.log(2 * alpha)
    rho2 = (tuned + math.log(1 + tuned)) / _TUNED_FOR
    scaled = seen.count * rho2 + 1
    spread = 2 * scaled / (seen.count**2 * rho2) * math.log(1 + math.sqrt(scaled) / (2 * alpha))
    return seen.deviation * math.sqrt(spread)


@dataclass(frozen=True)
class Failures:
    """Answers that each arm gave and those that failed, and whether the challenger's share is too high."""

    worse: bool
    champion: float
    challenger: float
    least: float
    """The challenger's share is credibly at least this."""
    most: float
    """The champion's share is credibly at most this."""


def judge_failures(champion: tuple[int, int], challenger: tuple[int, int], max_errors: float) -> Failures:
    """(answers, failed) of both arms, judged: worse where the bounds are further apart than `max_errors`.

    A champion that has answered nothing since (a canary may take every row) is taken for one that never fails.

    >>> judge_failures((1000, 0), (30, 10), 0.01).worse, judge_failures((1000, 0), (30, 1), 0.01).worse
    (True, False)
    """
    least, most = share_bounds(*challenger, ALPHA / 2)[0], share_bounds(*champion, ALPHA / 2)[1]
    shares = [failed / answers if answers else 0.0 for answers, failed in (champion, challenger)]
    most = most if champion[0] else 0.0
    return Failures(least > most + max_errors, shares[0], shares[1], least, most)


def share_bounds(answers: int, failed: int, alpha: float) -> tuple[float, float]:
    """The shares that are credible at every moment at once: those whose mixture ratio stays below 1/alpha.

    >>> [round(bound, 3) for bound in share_bounds(100, 10, 0.05)]
    [0.029, 0.228]
    """
    if answers == 0:
        return 0.0, 1.0
    mixture = _log_beta(failed + 0.5, answers - failed + 0.5) - _log_beta(0.5, 0.5)

    def refused(share: float) -> bool:
        fits = (failed * math.log(share) if failed else 0.0) + (
            (answers - failed) * math.log1p(-share) if answers > failed else 0.0
        )
        return mixture - fits >= -math.log(alpha)

    found = failed / answers
    low = 0.0 if failed == 0 else _edge(refused, 1e-12, found)
    high = 1.0 if failed == answers else _edge(refused, 1 - 1e-12, found)
    return low, high


def _edge(refused: Callable[[float], bool], outside: float, inside: float) -> float:
    """Where shares stop being refused, between one that may be and one that is not (by bisection)."""
    for _ in range(60):
        middle = (outside + inside) / 2
        outside, inside = (middle, inside) if refused(middle) else (outside, middle)
    return outside


def _log_beta(one: float, other: float) -> float:
    return math.lgamma(one) + math.lgamma(other) - math.lgamma(one + other)


def _varied(classes: Counter[float]) -> bool:
    """Whether enough labels are not of the most frequent class; without classes there is nothing to ask."""
    return not classes or classes.total() - max(classes.values()) >= LEAST_RARE


def _finding(champion: Moments, challenger: Moments, low: float | None) -> Finding:
    means = [arm.mean if arm.count else None for arm in (champion, challenger)]
    return Finding(low is not None and low > 0, means[0], means[1], (champion.count, challenger.count), low)
