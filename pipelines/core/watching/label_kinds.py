"""The kinds that go by labels: performance, calibration, and the estimate that stands in while labels are missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pipelines.core.drift import KindVerdict, Level, WatchKind
from pipelines.core.problem import Problem
from pipelines.core.watching.calibration_kind import judge_calibration
from pipelines.core.watching.estimate_kind import judge_estimate
from pipelines.core.watching.label_book import LabelBook, open_book, spoken
from pipelines.core.watching.observed import Observed
from pipelines.core.watching.performance_kind import judge_performance
from pipelines.core.watching.release_side import ReleaseSide

_DROUGHT = 3  # windows without a label, beyond the delay that labels have anyway


@dataclass(frozen=True)
class LabelFindings:
    """The verdicts, what a dashboard draws, and how far the labels reach."""

    kinds: dict[WatchKind, KindVerdict]
    numbers: dict[str, float] = field(default_factory=dict)
    newest: datetime | None = None
    """The block of time of the newest answer that has a label."""
    notes: list[str] = field(default_factory=list)
    limit: float | None = None
    """Loss beyond the promise from which on it is harm: log loss, or squared error."""


def judge_labels(
    problem: Problem, side: ReleaseSide, observed: Observed, past: Sequence[Observed], before: Mapping[str, Level]
) -> LabelFindings:
    """The kinds `performance`, `calibration` and `estimate` of a window, by its labels and those of the windows before.

    They are a function of what is known now: in which order the labels came makes no difference.
    """
    watch = problem.monitoring
    book = open_book(watch, side, observed, past)
    performance = judge_performance(book, watch.min_labels) if book.labels >= watch.min_labels else None
    calm = performance is not None and performance.verdict.level == "healthy"
    estimate = judge_estimate(book, side, observed, before, watch.min_labels, calm)
    numbers = dict(estimate.numbers)
    if observed.coverage is not None:
        numbers["coverage"] = observed.coverage
    newest = book.now[-1].start if book.now else None
    usual = max(problem.data.label_delay or timedelta(0), side.label_delay)
    notes = _drought(usual, book, observed, newest)
    if newest is not None:
        numbers["label age, days"] = max((observed.end - newest - book.length) / timedelta(days=1), 0.0)
    if performance is None:
        few = [f"{_labels_so_far(book, observed, side.version)}: {watch.min_labels} are needed", *notes]
        kinds: dict[WatchKind, KindVerdict] = {
            "performance": KindVerdict("unknown", few),
            "calibration": KindVerdict("unknown", few[:1]),
            "estimate": estimate.verdict,
        }
        return LabelFindings(kinds, numbers, newest, notes, book.limit)
    calibration = judge_calibration(book, watch.thresholds.calibration, _names(side), watch.min_labels)
    kinds = {"performance": performance.verdict, "calibration": calibration.verdict}
    if notes:  # what was healthy when the last label came is not known to be so still
        kinds = {kind: _aged(one, notes) for kind, one in kinds.items()}
    kinds["estimate"] = estimate.verdict
    return LabelFindings(kinds, numbers | performance.numbers | calibration.numbers, newest, notes, book.limit)


def _labels_so_far(book: LabelBook, observed: Observed, version: int) -> str:
    """How many labels can speak, and how many wait for the others of their day, for a person."""
    known = observed.labels + sum(one.labels for one in book.past)
    if known <= book.labels:
        return f"{book.labels} labels for version {version}"
    return f"{book.labels} of {known} labels for version {version} are of times whose labels are nearly all in"


def _names(side: ReleaseSide) -> tuple[str, ...]:
    """Of several classes, the names of those watched."""
    if side.task != "multiclass" or side.contract.classes is None:
        return ()
    return tuple(side.contract.classes[one] for one in side.promise.classes)


def _drought(usual: timedelta, book: LabelBook, observed: Observed, newest: datetime | None) -> list[str]:
    """That labels have ceased to come, where they used to; `usual`: how late they are anyway."""
    if newest is None:
        return []
    silent = observed.end - newest - book.length
    if silent <= _DROUGHT * max(book.window, book.length) + 2 * usual:
        return []
    return [f"no label for any answer since {newest:%-d %B}: {spoken(silent)} are not judged"]


def _aged(verdict: KindVerdict, notes: list[str]) -> KindVerdict:
    level: Level = "unknown" if verdict.level == "healthy" else verdict.level
    return KindVerdict(level, [*verdict.reasons, *notes])
