"""Evidently: measures a window against the reference and keeps a report that an operator opens in its UI.

One project per problem, one report per window in `settings.evidently_workspace`; `evidently ui --workspace
FOLDER` shows them. Evidently's methods are named per column, since its defaults change with the sample's
size.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from pipelines.core.comparison import METHODS, Pair, distance
from pipelines.core.drift import ColumnScore, Verdict
from pipelines.core.problem import Task
from pipelines.stores.drift.drift_dashboard import NAMESPACE, NUMBER, column_line, move_in, open_project
from pipelines.stores.drift.drift_quality import (
    REFUSALS,
    Tables,
    drift_widgets,
    quality_parts,
    quiet,
    run_taken,
    verdict_tables,
)

RENDERED = 60  # columns that one report draws: those furthest over their bar
DRAWN_LABELS = 1_500  # labelled rows of a side that Evidently draws: the verdict's own figures are of all of them


class Drawing(NamedTuple):
    """Evidently's results by metric id, and the widgets that show them."""

    metric_results: dict[str, Any]
    widgets: list[Any]


@dataclass(frozen=True)
class Comparison:
    """Scores by column, and the Evidently results that `save_report` renders."""

    scores: dict[str, ColumnScore]
    report: Drawing | None
    """None when no column could be compared."""


@dataclass(frozen=True)
class Labelled:
    """Labelled rows of the reference and the window for Evidently's own quality report.

    Both frames: `target`, `prediction`; classification: also one column of probabilities per class name.
    """

    task: Task
    classes: Sequence[str]
    reference: pd.DataFrame
    current: pd.DataFrame


def compare(pairs: Sequence[Pair]) -> Comparison:
    """How far each column drifted, by Evidently's method of its kind, read by metric and column name.

    Never aborts: a column that cannot be compared has a score of None and a note. Of very many columns
    Evidently measures the RENDERED that matter most; the others get the same formula without a drawing.
    """
    usable = sorted((one for one in pairs if one.note is None), key=_order)
    drawn, refused = _run_columns(usable[:RENDERED])
    found = {} if drawn is None else _by_column(drawn)
    scores = {}
    for pair in pairs:
        note = pair.note or refused.get(pair.name)
        value = None if note else found.get(pair.name, distance(pair))
        scores[pair.name] = ColumnScore(pair.name, METHODS[pair.kind], value, pair.threshold, pair.noise, note)
    return Comparison(scores, drawn)


def save_report(
    workspace: Path,
    problem: str,
    verdict: Verdict,
    comparison: Comparison,
    labelled: Labelled | None = None,
    tables: Tables | None = None,
) -> Path:
    """The window's report in the problem's project of the workspace, dated at the window's end; its file.

    `tables`: both sides' columns with what is missing in them (`window_tables`), for Evidently's data quality. The
    same window judged again replaces its report. The dashboard is made with the project.
    """
    with quiet():
        from evidently.core.serialization import ReportModel, SnapshotModel
        from evidently.legacy.utils import NumpyEncoder

    with quiet():
        parts = [_numbers(verdict, comparison.scores), ({}, verdict_tables(verdict))]
        if tables is not None:
            parts += quality_parts(verdict, tables)
    performance = None if labelled is None else _run_quality(labelled)
    for report in (comparison.report, performance):
        if report is not None:
            parts.append((report.metric_results, report.widgets))
    results = {name: one for metrics, _ in parts for name, one in metrics.items()}
    facts = verdict.facts
    model = SnapshotModel(
        report=ReportModel(items=[]),
        name=f"{facts.start:%Y-%m-%d %H:%M} to {facts.end:%Y-%m-%d %H:%M}: {verdict.level}",
        timestamp=_naive(facts.end),
        metadata={"version": str(facts.version), "level": verdict.level, "as_of": facts.as_of.isoformat()},
        tags=[verdict.level, f"version {facts.version}"],
        metric_results=results,
        top_level_metrics=list(results),
        widgets=[widget for _, widgets in parts for widget in widgets],
        tests_widgets=[],
    )
    project = open_project(workspace, problem, list(comparison.scores))
    name = uuid.uuid5(NAMESPACE, f"{problem} {_naive(facts.start)} {_naive(facts.end)}")
    text = json.dumps(model.dict(), cls=NumpyEncoder)
    return move_in(workspace, project / "snapshots" / f"{name}.json", text)


def column_numbers(scores: Mapping[str, ColumnScore]) -> dict[str, float]:
    """Each column's drift as a multiple of its bar: 1 and more is drift, whatever the method."""
    return {column_line(name): one.score / one.bar for name, one in scores.items() if one.score is not None}


def _order(pair: Pair) -> tuple[float, str]:
    return (-(distance(pair) or 0.0) / pair.bar, pair.name)


def _run_columns(pairs: Sequence[Pair]) -> tuple[Drawing | None, dict[str, str]]:
    """Evidently's report over the columns; those it refuses are left out, with the reason by name."""
    found, refused = run_taken(pairs, _drift_report)
    return found, {pair.name: f"Evidently cannot compare it: {error}" for pair, error in refused}


def _drift_report(pairs: Sequence[Pair]) -> Drawing:
    """Evidently's distance of each column, as its ValueDrift metric gives it, and what shows it.

    The metric also computes correlations and a course over the rows, and draws by plotly: ten times the CPU.
    """
    with quiet():
        from evidently.legacy.calculations.stattests import get_stattest
        from evidently.legacy.core import ColumnType
        from evidently.metrics import ValueDrift

        kinds = {"numeric": ColumnType.Numerical, "categorical": ColumnType.Categorical}
        results, widgets = {}, []
        for pair in pairs:
            before, now = pd.Series(pair.reference), pd.Series(pair.current)
            method = get_stattest(before, now, kinds[pair.kind], METHODS[pair.kind])
            found = method(before, now, kinds[pair.kind], pair.bar)
            metric = ValueDrift(column=pair.name, method=METHODS[pair.kind], threshold=pair.bar).to_calculation()
            results[metric.id] = metric.result(float(found.drift_score))
            results[metric.id].widget = drift_widgets(pair, method.display_name, float(found.drift_score))
            widgets += results[metric.id].widget
        return Drawing(results, widgets)


def _by_column(report: Drawing) -> dict[str, float]:
    found = {}
    for result in report.metric_results.values():
        params = result.metric_value_location.metric.params
        if params["type"] == "evidently:metric_v2:ValueDrift":
            found[params["column"]] = float(result.value)
    return found


def _run_quality(labelled: Labelled) -> Any | None:
    """Evidently's quality report over the labelled rows; None where it has nothing to say or refuses.

    Refusing costs a drawing only: the verdict's own performance numbers do not come from here.
    """
    labelled = _thinned(labelled)
    frames = (labelled.current, labelled.reference)
    if any(len(frame) < 2 for frame in frames):
        return None
    if labelled.task != "regression" and any(frame["target"].nunique() < 2 for frame in frames):
        return None
    try:
        return _quality_report(labelled)
    except REFUSALS:
        return None


def _thinned(labelled: Labelled) -> Labelled:
    """At most DRAWN_LABELS rows of each side, evenly from first to last."""
    reference, current = (
        frame.iloc[:: -(-len(frame) // DRAWN_LABELS) or 1] for frame in (labelled.reference, labelled.current)
    )
    return replace(labelled, reference=reference, current=current)


def _quality_report(labelled: Labelled) -> Any:
    with quiet():
        from evidently import BinaryClassification, DataDefinition, Dataset, MulticlassClassification, Report
        from evidently import Regression as RegressionColumns
        from evidently.presets import ClassificationQuality, RegressionQuality

        classes = list(labelled.classes)
        if labelled.task == "regression":
            definition = DataDefinition(numerical_columns=["target", "prediction"], regression=[RegressionColumns()])
            preset = RegressionQuality(error_plot=False, error_distr=True, include_tests=False)
        else:
            roles: dict[str, Any] = {"target": "target", "prediction_labels": "prediction"}
            if labelled.task == "binary":
                columns = BinaryClassification(prediction_probas=classes[1], pos_label=classes[1], **roles)
            else:
                columns = MulticlassClassification(prediction_probas=classes, **roles)
            definition = DataDefinition(
                categorical_columns=["target", "prediction"],
                numerical_columns=classes,
                classification=[columns],
            )
            preset = ClassificationQuality(conf_matrix=True, include_tests=False)
        current, reference = (
            Dataset.from_pandas(frame, data_definition=definition) for frame in (labelled.current, labelled.reference)
        )
        return Report([preset]).run(current, reference).to_snapshot_model()


def _numbers(verdict: Verdict, scores: Mapping[str, ColumnScore]) -> tuple[dict[str, Any], list[Any]]:
    """Ratchet's numbers as Evidently results, for the dashboard, and the widgets that head the report."""
    from evidently.core.metric_types import MetricConfig, SingleValue, single_value_location
    from evidently.legacy.renderers.html_widgets import CounterData, counter

    results = {}
    for name, value in {**verdict.numbers, **column_numbers(scores)}.items():
        key = uuid.uuid5(NAMESPACE, name).hex
        config = MetricConfig(metric_id=key, params={"type": NUMBER, "name": name})
        results[key] = SingleValue(value=value, display_name=name)
        results[key].metric_value_location = single_value_location(config)
        results[key].widget = []
    heads = [
        counter(title=kind, counters=[CounterData("; ".join(one.reasons) or "nothing to report", one.level)])
        for kind, one in verdict.kinds.items()
    ]
    shown = [CounterData(name, f"{value:.4g}") for name, value in verdict.numbers.items()]
    return results, [*heads, counter(title="numbers", counters=shown)]


def _naive(moment: datetime) -> datetime:
    """UTC without a zone: Evidently sorts by it and cannot compare both sorts."""
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
