"""What the columns of a window say: drift of the inputs, drift of the answers, quality. None of it looks at labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from pipelines.core.comparison import Measure, measure_pairs
from pipelines.core.drift import ColumnQuality, ColumnScore, KindVerdict, Level, WatchKind
from pipelines.core.observation import sampled
from pipelines.core.problem import Monitoring, Problem
from pipelines.core.watching.column_drift import (
    Moved,
    column_score,
    compare_answers,
    compare_columns,
    window_samples,
)
from pipelines.core.watching.column_quality import QualityFindings, judge_quality
from pipelines.core.watching.reference_columns import ReferenceColumns, reference_columns
from pipelines.core.watching.release_side import ReleaseSide
from pipelines.core.watching.view import View

RECOVERY = 0.8  # of a limit: what warned recovers below it
_NAMED = 5  # columns that a reason names; the rest are in the evidence


@dataclass(frozen=True)
class ColumnFindings:
    """The kinds `data`, `prediction` and `quality`, and what they were judged by."""

    kinds: dict[WatchKind, KindVerdict]
    columns: list[ColumnScore]
    """Worst first: drifted ones before others, then by estimated harm."""
    prediction: ColumnScore | None
    quality: list[ColumnQuality]
    numbers: dict[str, float] = field(default_factory=dict)
    """What a dashboard draws."""


def judge_columns(
    problem: Problem,
    side: ReleaseSide,
    view: View,
    baselines: Sequence[View] = (),
    before: Mapping[str, Level] | None = None,
    measure: Measure = measure_pairs,
    earlier_rows: Sequence[int] = (),
) -> ColumnFindings:
    """The judgement of a window's columns; the same arguments always give the same findings.

    `baselines`: views of the log one year earlier. `before`: the level of each kind in the last verdict; what had
    warned recovers below 0.8 of its limits. `measure` sees all pairs at once and gives the scores that are reported.
    `earlier_rows`: rows of the windows before, oldest first. Windows with too few rows are `unknown`.
    """
    watch = problem.monitoring
    if view.rows < watch.min_rows:
        return _too_few(watch, view)
    if len(view.sample) > watch.sample:
        chosen = sampled(view.sample, watch.sample)
        view = replace(view, sample=view.sample.rows(chosen), sample_versions=view.sample_versions[chosen])
    ease = {kind: _ease(before, kind) for kind in ("data", "prediction", "quality")}
    reference = reference_columns(side, watch.sample)
    samples = window_samples(reference, view.sample)
    moved = compare_columns(watch, reference, view, samples, baselines, ease["data"])
    answers = compare_answers(watch, reference, view, side.version, baselines, ease["prediction"])
    measured = measure([one.pair for one in (*moved, answers)])
    scores = {
        one.pair.name: column_score(reference, one, measured[one.pair.name])
        for one in (*moved, answers)
        if one.pair.name in measured
    }
    prediction = scores.pop(answers.pair.name, None)
    columns = sorted(scores.values(), key=_worst_first)
    harms = {one.pair.name: one.harm for one in moved}
    quality = judge_quality(watch, reference, view, samples, harms, baselines, ease["quality"], earlier_rows)
    data = _data(watch, reference, view, columns, moved, ease["data"])
    kinds: dict[WatchKind, KindVerdict] = {
        "data": data,
        "prediction": _prediction(prediction),
        "quality": quality.verdict,
    }
    numbers = _numbers(watch, reference, columns, prediction, quality, ease["data"])
    return ColumnFindings(kinds, columns, prediction, quality.columns, numbers)


def drifted_share(columns: Sequence[ColumnScore]) -> float | None:
    """What the model goes by that drifted, as a share of what could be compared; None when nothing could.

    Each column counts as much where nobody found out how much the model uses it.

    >>> drifted_share([ColumnScore("a", "m", 0.5, 0.1, usage=0.9), ColumnScore("b", "m", 0.0, 0.1, usage=0.1)])
    0.9
    """
    compared = [one for one in columns if one.score is not None]
    weights = np.array([1.0 if one.usage is None else one.usage for one in compared])
    if not compared:
        return None
    drifted = np.array([one.drifted for one in compared])
    return float(weights[drifted].sum() / weights.sum()) if weights.sum() > 0 else 0.0


def _ease(before: Mapping[str, Level] | None, kind: str) -> float:
    return RECOVERY if (before or {}).get(kind) in ("warning", "alarm") else 1.0


def _worst_first(one: ColumnScore) -> tuple[bool, float, float, str]:
    return (not one.drifted, -(one.harm or 0.0), -(one.score or 0.0) / one.bar, one.name)


def _too_few(watch: Monitoring, view: View) -> ColumnFindings:
    few = KindVerdict("unknown", [f"{view.rows} rows are too few to judge: monitoring.min_rows is {watch.min_rows}"])
    return ColumnFindings({"data": few, "prediction": few, "quality": few}, [], None, [])


def _data(
    watch: Monitoring,
    reference: ReferenceColumns,
    view: View,
    columns: Sequence[ColumnScore],
    moved: Sequence[Moved],
    ease: float,
) -> KindVerdict:
    """Warns by the share of what the model uses that drifted, or by one used column's credible harm.

    The share alone says nothing where the reference is too short to tell drift from what is usual.
    """
    share, limit = drifted_share(columns), ease * watch.thresholds.share
    if share is None:
        return KindVerdict("unknown", ["no column could be compared with the reference"])
    drifted = [one for one in columns if one.drifted]
    used = [one for one in drifted if reference.used(one.name)]
    cost = ease * watch.thresholds.loss
    least = {one.pair.name: _least_share(reference, one) for one in moved}
    harmful = [one for one in used if least.get(one.name, 0.0) > cost]
    reasons = [
        f"{one.name} drifted, which is expected to cost {one.harm:.3f} loss, {one.harm_share:.0%} of the release's own "
        f"(credibly {least[one.name]:.0%}, limit {cost:.0%})"
        for one in harmful[:_NAMED]
    ]
    known = reference.knows_custom(reference.season(view.start, view.end))
    if used and share >= limit and known:
        what = "of what the model goes by" if any(one.usage is not None for one in columns) else "of the columns"
        reasons.append(f"{share:.0%} {what} drifted (limit {limit:.0%}): {_named(used)}")
    if reasons:
        return KindVerdict("warning", reasons)
    if used:
        why = "no harm is expected" if share >= limit else "too few to matter"
        return KindVerdict("healthy", [f"drifted, but {why}: {_named(used)}"])
    return KindVerdict("healthy", [f"drifted, but the model does not use them: {_named(drifted)}"] if drifted else [])


def _least_share(reference: ReferenceColumns, one: Moved) -> float:
    """The lower bound of the estimated harm, as a share of the release's loss."""
    return 0.0 if one.harm is None else reference.in_units(one.harm.whole - one.harm.doubt)[1]


def _named(columns: Sequence[ColumnScore]) -> str:
    return ", ".join(f"{one.name} {one.score:.2f} (limit {one.bar:.2f}{_beside(one)})" for one in columns[:_NAMED])


def _beside(one: ColumnScore) -> str:
    return "" if one.baseline in ("", "the reference") else f", nearest: {one.baseline}"


def _prediction(one: ColumnScore | None) -> KindVerdict:
    if one is None or one.score is None:
        return KindVerdict("unknown", [one.note if one and one.note else "no predictions of this release to compare"])
    if not one.drifted:
        return KindVerdict("healthy")
    return KindVerdict("warning", [f"the answers drifted: {one.method} {one.score:.2f} (limit {one.bar:.2f})"])


def _numbers(
    watch: Monitoring,
    reference: ReferenceColumns,
    columns: Sequence[ColumnScore],
    prediction: ColumnScore | None,
    quality: QualityFindings,
    ease: float,
) -> dict[str, float]:
    """What the dashboard draws; a number that is not known is left out."""
    harms = [max(one.harm_share or 0.0, 0.0) for one in columns if one.drifted and reference.used(one.name)]
    rises = [one.missing - one.missing_before for one in quality.columns]
    numbers: dict[str, float | None] = {
        "drifted columns": drifted_share(columns),
        "drifted columns, limit": ease * watch.thresholds.share,
        "largest harm of a drifted column": max(harms, default=0.0),
        "largest harm of a drifted column, limit": ease * watch.thresholds.loss,
        "prediction drift": prediction.score if prediction else None,
        "prediction drift, limit": prediction.bar if prediction else None,
        "largest rise of missing values": max(rises, default=None),
        "largest rise of missing values, limit": quality.limit,
        "rows, of the usual": quality.volume,
    }
    return {name: float(value) for name, value in numbers.items() if value is not None}
