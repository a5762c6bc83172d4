"""Performance: loss beyond what the answers promised, and whether the answers are still worth more than a base rate."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipelines.core.drift import KindVerdict
from pipelines.core.problem import Task
from pipelines.core.watching.course import Course, State, follow
from pipelines.core.watching.label_book import Findings, LabelBook, Prepared, Raw, excess_of, harm_of, in_units
from pipelines.core.watching.observed import Block
from pipelines.core.watching.pooling import labels_of


def judge_performance(book: LabelBook, fewest: int) -> Findings:
    """The verdict on the loss of the labelled rows.

    An alarm: credibly more loss than the answers promised, by more than the limit; or credibly worse than always
    answering the base rate, where the release was better; or a credible rise of the loss, part of it unpromised, with
    more than half of the release's skill gone.
    """
    limit = book.limit
    if limit is None:
        return Findings(KindVerdict("unknown", ["the release's own loss is not known"]))
    harm = book.prepared(harm_of(book.now), harm_of(book.reference), limit)
    course = _followed(book, harm, limit)
    reasons: dict[str, list[str]] = {"alarm": [], "warning": []}
    if course.state != "healthy":
        reasons[course.state].append(_harm_reason(book, course, limit))
    if book.task == "regression":
        rest = _louder(book, limit)
        if rest.state != "healthy":
            # Noise that grew cannot be told from what the release does not know: twice as much is no trifle either way.
            reasons["alarm" if rest.state == "alarm" and rest.estimate >= 2 * limit else "warning"].append(
                _harm_reason(book, rest, limit)
            )
    if book.reference:
        skill = book.prepared(_beaten(book.task, book.now), _beaten(book.task, book.reference), limit)
        useless = _useless(book, skill, limit)
        if useless.state != "healthy":
            reasons[useless.state].append(_useless_reason(book, useless))
        faded = _faded(book, skill, limit)
        if faded is not None:
            told = course.estimate < limit / 2
            reasons["warning" if told else "alarm"].append(_faded_reason(book, faded, told))
    level: State = "alarm" if reasons["alarm"] else "warning" if reasons["warning"] else "healthy"
    numbers = _numbers(book, course, harm.before, limit, fewest)
    return Findings(KindVerdict(level, reasons["alarm"] + reasons["warning"]), numbers)


def shown(book: LabelBook, promised: float, more: float) -> float:
    """A difference of losses in units of the metric: for values that of the roots.

    >>> from pipelines.core.watching.label_book import timedelta
    >>> day = timedelta(days=1)
    >>> shown(LabelBook("regression", [], [], False, day, day, 4.0, 1.0, 7.0), 4.0, 5.0)
    1.0
    """
    if book.task != "regression":
        return more
    return in_units(book.task, promised + more) - in_units(book.task, promised)


def _followed(book: LabelBook, found: Prepared, limit: float) -> Course:
    """The course of what is harm from the limit on."""
    return follow(found.series, limit / 2 + found.error, limit / 2, limit, book.needed)


def _louder(book: LabelBook, limit: float) -> Course:
    """The squared error beyond the promise, whatever it comes from."""
    return _followed(book, book.prepared(excess_of(book.now), excess_of(book.reference), limit), limit)


def _useless(book: LabelBook, skill: Prepared, limit: float) -> Course:
    """Worse than the base rate by more than a trifle, where the reference was not."""
    # The series is about the reference's mean; what counts here is the base rate, which lies at 0.
    bar = max(0.0, -skill.before)
    return follow(skill.series, bar + skill.error, limit / 2, bar + limit / 2, book.needed)


def _faded(book: LabelBook, skill: Prepared, limit: float) -> Course | None:
    """The rise of the loss, where it is credible and credibly more than half of the release's skill is gone."""
    if skill.before >= 0 or book.loss is None:
        return None  # there was no skill to lose
    half = -skill.before / 2
    if follow(skill.series, half + skill.error, limit / 2, half, book.needed).state != "alarm":
        return None
    losses = book.prepared(_losses(book.now), _losses(book.reference), limit, book.loss)
    rise = _followed(book, losses, limit)
    return rise if rise.state == "alarm" else None


def _beaten(task: Task, blocks: Sequence[Block]) -> Raw:
    """The loss less that of always answering these blocks' own base rate or mean: above 0 that would be better."""
    found, labels = _losses(blocks), np.array([one.labels for one in blocks], dtype=np.float64)
    came = np.array([one.came for one in blocks]) / labels[:, None]
    usual = np.average(came, weights=labels, axis=0)
    if task == "regression":
        base = came[:, 1] - 2 * came[:, 0] * usual[0] + usual[0] ** 2
    else:  # the classes that are not watched one by one are as one
        came, usual = (np.column_stack([one, 1 - one.sum(axis=-1)]) for one in (came, usual[None, :]))
        base = -(came @ np.log(np.clip(usual[0], 0.5 / (labels.sum() + 1), 1.0)))
    harm = harm_of(blocks)
    return Raw(found.mean - base, harm.variance, harm.skew)


def _losses(blocks: Sequence[Block]) -> Raw:
    """The loss itself, winsorised as the promise is."""
    labels = np.array([one.labels for one in blocks], dtype=np.float64)
    excess = excess_of(blocks)
    return Raw(np.array([one.promised for one in blocks]) / labels + excess.mean, excess.variance, excess.skew)


def _harm_reason(book: LabelBook, course: Course, limit: float) -> str:
    blocks = book.now[course.since :]
    promised = _promised(blocks)
    return (
        f"since {book.day(course.since):%-d %B} the loss is {shown(book, promised, course.estimate):.3g} above what "
        f"these answers promised ({in_units(book.task, promised):.3g}; limit +{shown(book, promised, limit):.3g}): "
        f"{book.how_sure(course)}"
    )


def _useless_reason(book: LabelBook, course: Course) -> str:
    return f"since {book.day(course.since):%-d %B} always answering the base rate would have been better"


def _faded_reason(book: LabelBook, course: Course, told: bool) -> str:
    text = f"since {book.day(course.since):%-d %B} the loss rose, and more than half of the release's skill is gone"
    return f"{text}, as its answers foretold" if told else text


def _promised(blocks: Sequence[Block]) -> float:
    return max(sum(one.promised for one in blocks) / labels_of(blocks), 1e-12)


def _numbers(book: LabelBook, course: Course, before: float, limit: float, fewest: int) -> dict[str, float]:
    blocks = book.now[book.recent(fewest) :]
    labels = labels_of(blocks)
    harm = sum(one.harm for one in blocks) / labels - before
    promised = _promised(blocks)
    return {
        "harm": shown(book, promised, harm),
        "harm, limit": shown(book, promised, limit),
        "promised loss": in_units(book.task, promised),
        "evidence": max(course.log, 0.0) / np.log(10),
        "evidence, limit": course.needed / np.log(10),
    }
