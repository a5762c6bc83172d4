from __future__ import annotations

from typing import Any

import numpy as np

from pipelines.core.checks.decision import Check
from pipelines.core.checks.minima import beats_baseline, enough_labels, minimum, overfitted, undefined
from pipelines.core.metrics import Metric
from pipelines.core.problem import Problem
from pipelines.core.scorecard import Evidence, Scorecard, judge


def problem(**good_enough: Any) -> Problem:
    data = {"source": "x.csv", "target": "y"}
    return Problem.model_validate({"name": "x", "data": data, "good_enough": good_enough})


def card(error: float, rows: int = 40, **facts: Any) -> Scorecard:
    """Of a model that is off by `error`; the baseline is off by 1."""
    y = np.tile([-1.0, 1.0], rows // 2)
    evidence = Evidence(np.array([f"{one:02d}" for one in range(rows)]), y, y + error, np.zeros(rows))
    return judge(problem(), "regression", evidence, "d", **facts)


def test_labels_and_minimum_are_limits_that_may_be_reached_exactly() -> None:
    assert enough_labels(problem(min_labels=40), card(0.5)).passed
    assert not enough_labels(problem(min_labels=41), card(0.5)).passed
    assert minimum(problem(), card(0.5)) == []
    assert [check.passed for check in minimum(problem(minimum=0.5), card(0.5))] == [True]
    assert [check.passed for check in minimum(problem(minimum=0.4), card(0.5))] == [False]


def test_an_equal_of_the_baseline_does_not_beat_it() -> None:
    assert beats_baseline(card(0.9)).passed
    assert not beats_baseline(card(1.0)).passed


def test_an_undefined_metric_says_why() -> None:
    assert undefined(card(0.5)) is None
    found = undefined(card(float("nan")))
    assert found is not None
    assert "not all finite" in found.reason


FAILED = Check(name="baseline", passed=False, reason="")


def test_a_weak_candidate_that_remembers_its_rows_is_called_overfitted() -> None:
    fitted = {"rmse": Metric(value=0.01)}
    found = overfitted(card(1.4, fitted=fitted), [FAILED])
    assert [check.passed for check in found] == [False]
    assert found[0].reason == "overfitted: rmse 0.01 on the rows it was fitted on, 1.4 on held-out ones"
    assert [check.passed for check in overfitted(card(0.9, fitted=fitted), [])] == [True]
    assert [check.passed for check in overfitted(card(1.4, fitted={"rmse": Metric(value=1.3)}), [FAILED])] == [True]
    assert overfitted(card(1.4), [FAILED]) == []
