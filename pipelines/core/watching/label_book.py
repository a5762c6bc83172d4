"""The labelled blocks of this window and earlier ones beside those of the reference: what every test begins with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np

from pipelines.core.drift import KindVerdict
from pipelines.core.problem import Monitoring, Task
from pipelines.core.watching.course import Course
from pipelines.core.watching.detector import Series
from pipelines.core.watching.dispersion import between_blocks
from pipelines.core.watching.observed import Block, Observed, block_length, cut_blocks
from pipelines.core.watching.pooling import labels_of, mature, pooled
from pipelines.core.watching.release_side import ReleaseSide

_TESTS = 4  # that share the false alarms: harm, worse than the base rate, calibration, a rise without skill
_FEWEST_STEPS = 20.0
_SURE = 1.5  # standard errors of the reference: its error is common to all windows, and the gate chose by its luck
_TAIL = 1.0  # skewness of the luck that the rows of a day share
_TAIL_OF_SQUARES = 2.8  # what a squared normal has
_YEAR = timedelta(days=365.25)


@dataclass(frozen=True)
class Findings:
    """A kind's verdict, and what a dashboard draws."""

    verdict: KindVerdict
    numbers: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Raw:
    """One quantity over blocks: means, and the second and third moments that their rows explain; (B,) each."""

    mean: np.ndarray
    variance: np.ndarray
    skew: np.ndarray


@dataclass(frozen=True)
class Prepared:
    """A series less what the reference showed, and how sure that is."""

    series: Series
    before: float
    """The reference's own mean, drawn towards 0 where it may be chance."""
    error: float
    """How far the reference may mislead: no test may find what lies within it."""


@dataclass(frozen=True)
class LabelBook:
    """The labels of this window and of those before it, with the reference's."""

    task: Task
    now: list[Block]
    reference: list[Block]
    timed: bool
    """The reference's rows have moments, so that its blocks tell how blocks differ."""
    length: timedelta
    window: timedelta
    loss: float | None
    """What the release lost on its reference: log loss or squared error."""
    limit: float | None
    """Loss beyond the promise from which on it is harm."""
    needed: float
    """Natural logarithm of the evidence that an alarm needs."""
    past: Sequence[Observed] = ()
    """The earlier windows of this release that are remembered, oldest first."""

    @property
    def labels(self) -> int:
        """Labelled rows of this window and the earlier ones."""
        return labels_of(self.now)

    def prepared(
        self, now: Raw, reference: Raw, limit: float, centre: float = 0.0, tail: float | None = None
    ) -> Prepared:
        """`now` as a series about what the reference showed; `centre` is what it would show were nothing amiss.

        `tail`: skewness of what blocks differ by; losses have one, since a bad day is worse than a good one is good.
        """
        guess = limit / 2
        known = (reference.mean, reference.variance) if self.timed else (np.zeros(0), np.zeros(0))
        between = between_blocks(known, (now.mean, now.variance), guess)
        at_first = float(between[0]) if self.timed and len(between) else 0.0
        precision = 1 / np.maximum(reference.variance + at_first, 1e-300)
        before, error = centre, _SURE * limit
        if len(precision):
            squared = 1 / float(precision.sum())
            seen = float(precision @ reference.mean) * squared
            kept = limit**2 / (limit**2 + squared)
            before, error = centre + kept * (seen - centre), _SURE * float(np.sqrt(kept * squared))
        usual = _TAIL_OF_SQUARES if self.task == "regression" else _TAIL
        skew = now.skew + (usual if tail is None else tail) * between**1.5
        return Prepared(Series(now.mean - before, now.variance, skew, between), before, error)

    def day(self, place: int) -> datetime:
        """When a block began."""
        return self.now[place].start

    def span(self, since: int) -> str:
        """How much time the blocks from `since` on took, for a person.

        >>> spoken(timedelta(days=12))
        '12 days'
        """
        return spoken(self.now[-1].start + self.length - self.now[since].start)

    def chance(self, log: float) -> str:
        """How rarely chance alone gathers this much evidence, for a person."""
        years = np.exp(min(log, 30.0)) / _TESTS * (self.step / _YEAR)
        return "less than once in 100 years" if years >= 100 else f"once in {spoken(years * _YEAR)}"

    def how_sure(self, course: Course) -> str:
        """What a warning or an alarm rests on, for a person."""
        if course.state == "alarm":
            return f"{self.span(course.since)} of labels, by chance {self.chance(course.log)}"
        return "it may be chance"

    @property
    def step(self) -> timedelta:
        """Time from one block to the next."""
        return step_of(self.now, self.length)

    def recent(self, fewest: int) -> int:
        """The first of the newest blocks that together are no shorter than a window, nor have fewer labels."""
        labels, place = 0, len(self.now)
        while place > 0:
            place -= 1
            labels += self.now[place].labels
            if labels >= fewest and self.now[-1].start + self.length - self.now[place].start >= self.window:
                break
        return place


def open_book(watch: Monitoring, side: ReleaseSide, observed: Observed, past: Sequence[Observed]) -> LabelBook:
    """The book of a window and those before it; `past` of other releases is left out."""
    window = observed.end - observed.start
    length = block_length(window)
    mine = [one for one in past if one.version == side.version][-watch.memory :]
    now = pooled(mature(block for one in [*mine, observed] for block in one.blocks))
    reference, timed = reference_blocks(side, length)
    loss = reference_loss(side, reference)
    steps = max(watch.false_alarm_every / step_of(now, length), _FEWEST_STEPS)
    return LabelBook(
        task=side.task,
        now=now,
        reference=reference,
        timed=timed,
        length=length,
        window=window,
        loss=loss,
        limit=None if loss is None else harm_limit(side.task, loss, watch.thresholds.loss),
        needed=float(np.log(_TESTS * steps)),
        past=mine,
    )


def reference_blocks(side: ReleaseSide, length: timedelta) -> tuple[list[Block], bool]:
    """The reference's labelled blocks, and whether they are blocks of time; worked out once for each length."""
    name = f"labelled blocks of {length}"
    if name not in side.kept:
        rows, promise = side.reference, side.promise
        if promise.reference is None:
            return [], False
        terms = promise.terms(rows.scores, rows.labels, promise.reference)
        timed = bool(len(rows.moments)) and not bool(np.isnat(rows.moments).all())
        first = datetime(1970, 1, 1, tzinfo=UTC)
        side.kept[name] = pooled(cut_blocks(rows, terms, length, first)), timed
    return side.kept[name]


def reference_loss(side: ReleaseSide, reference: Sequence[Block]) -> float | None:
    """The scorecard's loss, squared for values; without it, that of the reference's labels."""
    told = side.losses.get(side.metric)
    if told is not None:
        return told**2 if side.task == "regression" else told
    labels = labels_of(reference)
    return sum(one.loss for one in reference) / labels if labels else None


def harm_limit(task: Task, loss: float, share: float) -> float:
    """The loss beyond the promise that counts as harm: for values the share is one of the root.

    >>> harm_limit("binary", 0.5, 0.1), round(harm_limit("regression", 4.0, 0.1), 2)
    (0.05, 0.84)
    """
    return loss * ((1 + share) ** 2 - 1) if task == "regression" else loss * share


def in_units(task: Task, loss: float) -> float:
    """A loss in units of the metric: of a squared error the root.

    >>> in_units("binary", 0.5), in_units("regression", 4.0)
    (0.5, 2.0)
    """
    return float(np.sqrt(max(loss, 0.0))) if task == "regression" else loss


def step_of(blocks: Sequence[Block], length: timedelta) -> timedelta:
    """The mean time from one block to the next, no shorter than a block."""
    if len(blocks) < 2:
        return length
    return max(length, (blocks[-1].start - blocks[0].start) / (len(blocks) - 1))


def spoken(length: timedelta) -> str:
    """A length of time for a person.

    >>> spoken(timedelta(hours=1)), spoken(timedelta(days=800)), spoken(timedelta(days=60))
    ('1 hour', '2 years', '2 months')
    """
    for name, unit in (
        ("year", _YEAR),
        ("month", _YEAR / 12),
        ("day", timedelta(days=1)),
        ("hour", timedelta(hours=1)),
    ):
        count = round(length / unit)
        if count >= (2 if name in ("year", "month") else 1):
            return f"{count} {name}" + ("s" if count > 1 else "")
    return f"{max(round(length / timedelta(minutes=1)), 1)} minutes"


def harm_of(blocks: Sequence[Block]) -> Raw:
    """Loss beyond the promise, but for what another base rate adds to it."""
    return _raw(blocks, [[one.harm, one.harm_variance, one.harm_skew] for one in blocks])


def excess_of(blocks: Sequence[Block]) -> Raw:
    """Loss beyond the promise."""
    return _raw(blocks, [[one.excess, one.variance, one.skew] for one in blocks])


def _raw(blocks: Sequence[Block], sums: list[list[float]]) -> Raw:
    labels, table = np.array([one.labels for one in blocks], dtype=np.float64), np.array(sums).reshape(-1, 3)
    return Raw(table[:, 0] / labels, table[:, 1] / labels**2, table[:, 2] / labels**3)


def gap_of(blocks: Sequence[Block], place: int) -> Raw:
    """What was said less what came, of one of the classes watched."""
    return _raw(blocks, [[one.gap[place], one.gap_variance[place], one.gap_skew[place]] for one in blocks])
