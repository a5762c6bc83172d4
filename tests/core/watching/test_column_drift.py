from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pipelines.core.comparison import distance
from pipelines.core.watching.column_drift import (
    Moved,
    alarm_rate,
    compare_answers,
    compare_columns,
    window_samples,
)
from pipelines.core.watching.reference_columns import reference_columns
from pipelines.core.watching.view import View


def compared(depot: Any, view: View, **others: Any) -> dict[str, Moved]:
    reference = reference_columns(depot.side, 10_000)
    samples = window_samples(reference, view.sample)
    found = compare_columns(depot.problem.monitoring, reference, view, samples, **others)
    return {one.pair.name: one for one in found}


@pytest.mark.parametrize(("hours", "rate"), [(24, 1 / 730), (168, 7 / 730), (24 * 365, 0.05), (0.0001, 1e-6)])
def test_the_level_is_shared_out_over_time(depot: Any, hours: float, rate: float) -> None:
    view = depot.view(hours=hours, count=100)
    assert alarm_rate(depot.problem.monitoring, view) == pytest.approx(rate, rel=1e-3)


def test_a_year_of_days_finds_hardly_anything_where_nothing_happens(make_depot: Any) -> None:
    """The level is once in two years over all columns together; `heat` wanders by itself."""
    depot, found = make_depot(monitoring={"thresholds": {"numeric": 1e-6, "categorical": 1e-6}}), []
    for day in range(300):
        moved = compared(depot, depot.view(day=day, hours=24))
        found += [(day, name) for name, one in moved.items() if one.drifted and name != "heat"]
    assert len(found) <= 1


def test_a_wandering_column_is_away_only_when_further_than_it_ever_was(depot: Any) -> None:
    assert not compared(depot, depot.view())["heat"].drifted
    calm, hot = (compared(depot, depot.view(change=lambda f, by=by: f.update(f[["heat"]] + by))) for by in (0.2, 4.0))
    assert not calm["heat"].drifted
    assert hot["heat"].drifted


def test_the_nearest_baseline_is_told(depot: Any) -> None:
    view = depot.view(change=lambda frame: frame.update(frame[["size"]] + 2))
    near, far = (depot.view(day=-364, change=lambda f, by=by: f.update(f[["size"]] + by)) for by in (1.5, -9))
    assert compared(depot, view)["size"].baseline == "the reference"
    assert compared(depot, view, baselines=[far])["size"].baseline == "the reference"
    found = compared(depot, view, baselines=[far, near])["size"]
    assert (found.baseline, found.drifted) == ("the log a year earlier", True)
    assert distance(found.pair) == pytest.approx(0.5, abs=0.1)
    few = near.sample.rows(np.arange(10))
    assert compared(depot, view, baselines=[replace(near, sample=few)])["size"].baseline == "the reference"


def test_only_the_answers_of_the_release_are_compared(depot: Any) -> None:
    view, reference = depot.view(), reference_columns(depot.side, 10_000)
    versions = np.where(np.arange(len(view.sample)) < 100, 1, 2)
    found = compare_answers(depot.problem.monitoring, reference, replace(view, sample_versions=versions), 1)
    assert len(found.pair.current) == 100
    assert not found.drifted


def test_its_own_answers_a_year_ago_excuse_those_of_now(depot: Any) -> None:
    def surer(day: float) -> View:
        view = depot.view(day=day)
        return replace(view, sample=replace(view.sample, scores=view.sample.scores**3))

    reference, watch, before = reference_columns(depot.side, 10_000), depot.problem.monitoring, surer(-364)
    assert compare_answers(watch, reference, surer(0), 1).drifted
    assert not compare_answers(watch, reference, surer(0), 1, [before]).drifted
    others = replace(before, sample_versions=before.sample_versions + 1)
    assert compare_answers(watch, reference, surer(0), 1, [others]).drifted
