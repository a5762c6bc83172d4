"""Calibration: whether what is said happens as often as said, in units of what a gap costs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.core.drift import KindVerdict
from pipelines.core.watching.course import Course, follow
from pipelines.core.watching.detector import mirrored
from pipelines.core.watching.label_book import Findings, LabelBook, gap_of
from pipelines.core.watching.pooling import labels_of

_TAIL = 1.0  # skewness of how days differ, on either side
_SMALLEST = 1e-6  # variance of an answer, below which a class is as good as never said


@dataclass(frozen=True)
class _Side:
    """One class, one direction: `sign` 1 where too much is said."""

    place: int
    sign: int
    course: Course
    limit: float


def judge_calibration(book: LabelBook, share: float, names: tuple[str, ...], fewest: int) -> Findings:
    """The verdict on the gap between the mean answer and the mean label.

    A gap g in the share of a class costs about g² / (2 m), m the mean of p (1 - p), in log loss (second order of the
    Kullback-Leibler divergence), and g² in squared error; its limit is where that is `share` of the release's loss.
    """
    if not book.loss:
        return Findings(KindVerdict("unknown", ["the release's own loss is not known"]))
    sides = []
    classes = len(book.now[0].gap)
    for place in range(classes):
        limit = gap_limit(book, place, share)
        found = book.prepared(gap_of(book.now, place), gap_of(book.reference, place), limit, tail=_TAIL)
        needed = book.needed + float(np.log(2 * classes))
        for sign, series in ((1, found.series), (-1, mirrored(found.series, _TAIL))):
            course = follow(series, limit / 2 + found.error, limit / 2, limit, needed)
            sides.append(_Side(place, sign, course, limit))
    worst = max(sides, key=lambda one: (_ORDER.index(one.course.state), one.course.log))
    level = worst.course.state
    reasons = [] if level == "healthy" else [_reason(book, worst, names)]
    return Findings(KindVerdict(level, reasons), _numbers(book, share, sides, worst, fewest))


_ORDER = ("healthy", "warning", "alarm")


def gap_limit(book: LabelBook, place: int, share: float) -> float:
    """The gap that costs `share` of the release's loss, among answers as they are."""
    assert book.loss is not None
    if book.task == "regression":
        return float(np.sqrt(share * book.loss))
    # Where the answers are less sure than they were, the same gap costs less.
    spreads = [
        sum(one.gap_variance[place] for one in blocks) / labels_of(blocks)
        for blocks in (book.reference, book.now)
        if blocks
    ]
    return float(np.sqrt(2 * max(*spreads, _SMALLEST) * share * book.loss))


def _reason(book: LabelBook, worst: _Side, names: tuple[str, ...]) -> str:
    course = worst.course
    what = f" of {names[worst.place]}" if names else ""
    way = "above" if worst.sign > 0 else "below"
    return (
        f"since {book.day(course.since):%-d %B} the answers{what} are {course.estimate:.3g} {way} what came "
        f"(limit {worst.limit:.3g}): {book.how_sure(course)}"
    )


def _numbers(book: LabelBook, share: float, sides: list[_Side], worst: _Side, fewest: int) -> dict[str, float]:
    first = book.recent(fewest)
    blocks = book.now[first:]
    gap = sum(one.gap[worst.place] for one in blocks) / labels_of(blocks)
    return {
        "calibration gap": gap,
        "calibration gap, limit (±)": worst.limit,
        "calibration evidence": max(*(one.course.log for one in sides), 0.0) / np.log(10),
        "calibration evidence, limit": worst.course.needed / np.log(10),
    }
