"""The judgement of a window: one view of the log against one release, whoever looks: the monitor or the backtest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pipelines.core.comparison import Measure, measure_pairs
from pipelines.core.drift import Level, Verdict, WatchKind, WindowFacts, worst
from pipelines.core.problem import Problem
from pipelines.core.watching.columns import ColumnFindings, judge_columns
from pipelines.core.watching.label_book import in_units
from pipelines.core.watching.label_kinds import LabelFindings, judge_labels
from pipelines.core.watching.observed import Observed, observe
from pipelines.core.watching.release_side import ReleaseSide
from pipelines.core.watching.view import View
from pipelines.core.window_performance import Performance, window_performance

_Numbers = dict[str, float]
_NO_LEVELS: Mapping[str, Level] = {}
_ORDER: tuple[WatchKind, ...] = ("performance", "calibration", "estimate", "prediction", "data", "quality")


def judge_view(
    problem: Problem,
    side: ReleaseSide,
    view: View,
    past: Sequence[Observed] = (),
    before: Mapping[str, Level] = _NO_LEVELS,
    baselines: Sequence[View] = (),
    measure: Measure = measure_pairs,
) -> Verdict:
    """The verdict on a window; the same arguments always give the same verdict.

    `past`: what earlier windows of the same release showed, oldest first, by the labels known *now*. `before`: the
    levels of the last verdict, for the kinds that go by no labels. `baselines`: the same stretch of earlier years.
    """
    observed = observe(side, view)
    labels = judge_labels(problem, side, observed, past, before)
    columns = judge_columns(problem, side, view, baselines, before, measure, [one.rows for one in past])
    performance = _performance(problem, side, view)
    found = {**labels.kinds, **columns.kinds}
    kinds = {kind: found[kind] for kind in _ORDER if kind in found}
    facts = _facts(side, view, observed, labels, columns, performance)
    numbers = {**_numbers(side, observed, labels.limit, performance), **columns.numbers, **labels.numbers}
    numbers = {name: value for name, value in numbers.items() if np.isfinite(value)}
    return Verdict(problem.name, worst([one.level for one in kinds.values()]), kinds, facts, numbers)


def _performance(problem: Problem, side: ReleaseSide, view: View) -> Performance | None:
    mine = view.of(side.version)
    return window_performance(side.task, mine.labels, mine.scores, mine.moments, problem.good_enough.confidence)


def _facts(
    side: ReleaseSide,
    view: View,
    observed: Observed,
    labels: LabelFindings,
    columns: ColumnFindings,
    performance: Performance | None,
) -> WindowFacts:
    return WindowFacts(
        version=side.version,
        start=view.start,
        end=view.end,
        as_of=view.as_of,
        rows=view.rows,
        labels=observed.labelled,
        columns=columns.columns,
        prediction=columns.prediction,
        quality=columns.quality,
        performance=performance,
        reference_loss=side.losses.get(side.metric),
        coverage=observed.coverage,
        newest_label=labels.newest,
        notes=labels.notes,
    )


def _numbers(side: ReleaseSide, observed: Observed, limit: float | None, performance: Performance | None) -> _Numbers:
    """What a dashboard draws of the window itself; what is not known is left out."""
    found: dict[str, float | None] = {
        "rows": observed.rows,
        "labels": observed.labelled,
        "loss of the release": side.losses.get(side.metric),
    }
    if performance is not None:
        found["loss"] = performance.value
        found["loss, low"] = performance.low
        found["loss, high"] = performance.high
        found["skill against the base rate"] = performance.skill
        if observed.labels and limit is not None:
            promised = sum(one.promised for one in observed.blocks) / observed.labels
            found["loss, promised"] = in_units(side.task, promised)
            found["loss, limit"] = in_units(side.task, promised + limit)
    return {name: float(value) for name, value in found.items() if value is not None}
