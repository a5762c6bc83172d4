"""What Evidently says of a window's data quality, and the tables that head a report: drift by harm, exact shares."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from pipelines.core.comparison import Pair, Sample
from pipelines.core.drift import Verdict
from pipelines.core.observation import PREDICTION
from pipelines.core.watching.column_drift import answers_sample, window_samples
from pipelines.core.watching.reference_columns import reference_columns
from pipelines.core.watching.release_side import ReleaseSide
from pipelines.core.watching.seasons import whole_reference
from pipelines.core.watching.view import View
from pipelines.stores.drift.drift_figures import distributions

COUNTED = 60  # columns whose missing values Evidently counts
DESCRIBED = 5  # columns that Evidently describes in full: those that the verdict is about
_LISTED = 100  # rows of a table
_QUANTILES = (0.25, 0.5, 0.75)
# What Evidently 0.7 raises on data that it cannot digest; it has no error class of its own for that.
REFUSALS = (ValueError, TypeError, KeyError, IndexError, ArithmeticError, AttributeError, AssertionError)

Item = TypeVar("Item")
Made = TypeVar("Made")
Part = tuple[dict[str, Any], list[Any]]
"""Evidently's metric results and widgets."""


@dataclass(frozen=True)
class Tables:
    """The watched columns and the answers, (rows, columns) of each side; NaN or None where a value is missing."""

    reference: pd.DataFrame
    current: pd.DataFrame
    numeric: Sequence[str]


def window_tables(side: ReleaseSide, view: View, size: int) -> Tables:
    """The tables of a window's sample and of at most `size` rows of the reference."""
    held = reference_columns(side, size)
    everything = whole_reference(held.moments, 1.0)
    answers = answers_sample(held, view, side.version)
    now: dict[str, Sample] = {**window_samples(held, view.sample), PREDICTION: answers}
    before = {name: held.sample(name, everything) for name in now}
    frames = [pd.DataFrame({name: pd.Series(one.whole()) for name, one in found.items()}) for found in (before, now)]
    return Tables(frames[0], frames[1], [name for name, one in now.items() if one.kind == "numeric"])


def quality_parts(verdict: Verdict, tables: Tables) -> list[Part]:
    """Missing values of the columns, worst first, and all statistics of those that the verdict is about.

    A column that Evidently refuses is left out: the verdict's own shares do not come from here.
    """
    order = [one.name for one in verdict.facts.columns if one.name in tables.current.columns]
    order += [name for name in tables.current.columns if name not in order and name != PREDICTION]
    reasons = " ".join(reason for one in verdict.kinds.values() if one.level != "healthy" for reason in one.reasons)
    named = [name for name in order if name in reasons][:DESCRIBED]
    with quiet():
        from evidently.metrics import MissingValueCount

        counted = [(name, MissingValueCount(column=name)) for name in order[:COUNTED]]
        described = [_statistics(tables, name) for name in named if tables.current[name].notna().any()]
        return [*_run(tables, counted), *[one for one in described if one is not None]]


def _statistics(tables: Tables, name: str) -> Part | None:
    """What Evidently's ValueStats computes of a column of numbers, in one table.

    Its preset draws the column's distribution once for each statistic, which the report on its drift holds already.
    """
    from evidently.legacy.renderers.html_widgets import table_data
    from evidently.metrics import MaxValue, MeanValue, MinValue, QuantileValue, StdValue

    if name not in tables.numeric:
        return None
    metrics = [MeanValue(column=name), StdValue(column=name), MinValue(column=name), MaxValue(column=name)]
    metrics += [QuantileValue(column=name, quantile=one) for one in _QUANTILES]
    sides = _datasets(tables, [name])
    results, lines = {}, []
    for metric in metrics:
        statistic = metric.to_calculation()
        now, before = (float(statistic.calculate_value(side.column(name))) for side in sides)
        results[statistic.id] = statistic.result(now)
        results[statistic.id].widget = []
        lines.append((statistic.display_name(), _number(now), _number(before)))
    return results, [table_data(title=f"Values of {name}", column_names=("", "current", "reference"), data=lines)]


def drift_widgets(pair: Pair, method: str, score: float) -> list[Any]:
    """What was found of a column, and both distributions."""
    from evidently.legacy.renderers.html_widgets import CounterData, counter, plotly_data

    found = "detected" if score >= pair.bar else "not detected"
    told = f"Data drift {found}. Drift detection method: {method}. Drift score: {score:.3f}"
    data, layout = distributions({"current": pair.current, "reference": pair.reference}, pair.kind == "numeric")
    return [
        counter(title="", counters=[CounterData(told, f"Drift in column '{pair.name}'")]),
        plotly_data(title="", data=data, layout=layout),
    ]


def verdict_tables(verdict: Verdict) -> list[Any]:
    """Widgets: each column's drift with what the model makes of it, and the exact shares of all rows."""
    from evidently.legacy.renderers.html_widgets import table_data

    facts = verdict.facts
    drift = [
        (
            one.name,
            "drifted" if one.drifted else one.note or "",
            one.method,
            _number(one.score),
            _number(one.threshold),
            _number(one.noise),
            _number(one.p_value),
            _share(one.usage),
            _number(one.harm),
            _share(one.harm_share),
            one.baseline,
        )
        for one in facts.columns[:_LISTED]
    ]
    quality = [
        (
            one.name,
            f"{_share(one.missing)} (was {_share(one.missing_before)})",
            f"{_share(one.unseen)} (was {_share(one.unseen_before)})",
            f"{_share(one.outside)} (was {_share(one.outside_before)})",
            _share(one.broken),
            _number(one.harm),
        )
        for one in sorted(facts.quality, key=lambda one: one.missing_before - one.missing)[:_LISTED]
    ]
    heads = ("column", "", "method", "distance", "threshold", "chance and custom", "p", "usage")
    drift_heads = (*heads, "estimated harm", "of the loss", "compared with")
    quality_heads = ("column", "missing", "in unseen categories", "outside the range", "against the contract")
    return [
        table_data(title="Columns by estimated harm", column_names=drift_heads, data=drift),
        table_data(
            title=f"Values, over all {facts.rows} rows",
            column_names=(*quality_heads, "estimated harm of missing and unseen"),
            data=quality,
        ),
    ]


def _run(tables: Tables, items: Sequence[tuple[str, Any]]) -> list[Part]:
    """One report over the items that Evidently takes."""
    found, _ = run_taken(items, lambda taken: _report(tables, taken))
    return [] if found is None else [found]


def _report(tables: Tables, items: Sequence[tuple[str, Any]]) -> Part:
    from evidently import Report

    current, reference = _datasets(tables, list(dict.fromkeys(name for name, _ in items)))
    found = Report([item for _, item in items]).run(current, reference).to_snapshot_model()
    return found.metric_results, found.widgets


def _datasets(tables: Tables, names: Sequence[str]) -> list[Any]:
    """The window and the reference as Evidently takes them."""
    from evidently import DataDefinition, Dataset

    numeric = [name for name in names if name in tables.numeric]
    definition = DataDefinition(
        numerical_columns=numeric, categorical_columns=[name for name in names if name not in numeric]
    )
    return [
        Dataset.from_pandas(frame[list(names)], data_definition=definition)
        for frame in (tables.current, tables.reference)
    ]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"


def run_taken(
    items: Sequence[Item], make: Callable[[Sequence[Item]], Made]
) -> tuple[Made | None, list[tuple[Item, Exception]]]:
    """What is made of all items at once, or of those that Evidently takes one by one; with the others, and why not."""
    refused: list[tuple[Item, Exception]] = []
    if not items:
        return None, refused
    try:
        return make(items), refused
    except REFUSALS:
        taken = []
        for item in items:  # one bad column aborts a whole report: find it
            try:
                make([item])
            except REFUSALS as error:
                refused.append((item, error))
            else:
                taken.append(item)
    return (make(taken) if taken else None), refused


@contextmanager
def quiet() -> Iterator[None]:
    """Evidently's deprecations and numeric warnings kept back: nothing that an operator could act on."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield
