from __future__ import annotations

from typing import Any

import numpy as np

from pipelines.core.checks.conduct import check_conduct
from pipelines.core.evaluation.behaviour import Behaved
from pipelines.core.evaluation.fairness import Fairness
from pipelines.core.metrics import Metric
from pipelines.core.problem import Problem
from pipelines.core.scorecard import Evidence, Leak, Scorecard, judge


def problem(**good_enough: Any) -> Problem:
    data = {"source": "x.csv", "target": "y"}
    return Problem.model_validate({"name": "x", "data": data, "good_enough": good_enough})


def card(asked: Problem, off: float = 0.0, rows: int = 600, **facts: Any) -> Scorecard:
    """A card of a model whose answers are `off` too high."""
    source = np.random.default_rng(0)
    truth = source.uniform(0.05, 0.6, rows)
    y = (source.random(rows) < truth).astype(float)
    p = truth + off
    ids = np.array([f"{one:04d}" for one in range(rows)])
    evidence = Evidence(ids, y, np.column_stack([1 - p, p]), np.full((rows, 2), 0.5))
    return judge(asked, "binary", evidence, "d", **facts)


def failed(asked: Problem, one: Scorecard) -> dict[str, str]:
    return {check.name: check.reason for check in check_conduct(asked, one) if not check.passed}


def test_a_miscalibrated_model_fails_and_noise_does_not() -> None:
    asked = problem()
    assert failed(asked, card(asked)) == {}
    assert failed(asked, card(asked, rows=40)) == {}
    found = failed(asked, card(asked, off=0.3))
    assert "miscalibrated: answers lie 0.3" in found["calibration"]
    off = problem(calibration=None)
    assert check_conduct(off, card(off, off=0.3)) == []


def test_values_that_are_off_by_more_than_a_share_of_their_spread_fail() -> None:
    y = np.random.default_rng(1).normal(0, 10, 300)
    ids = np.array([f"{one:04d}" for one in range(300)])
    asked = problem()
    for shift, passed in ((0.2, True), (5.0, False)):
        one = judge(asked, "regression", Evidence(ids, y, y + shift, np.zeros(300)), "d")
        assert [check.passed for check in check_conduct(asked, one)] == [passed]


def test_a_leak_fails_unless_a_person_knows_better() -> None:
    leak = Leak(feature="refunded", score=0.999, measure="ROC AUC", reason="alone it tells the label (ROC AUC 0.999)")
    asked = problem()
    found = failed(asked, card(asked, leaks=[leak]))
    assert "leak: refunded: alone it tells the label" in found["leak refunded"]
    trusted = problem(not_leaks="refunded")
    assert failed(trusted, card(trusted, leaks=[leak])) == {}


def test_a_gap_between_groups_must_lie_credibly_beyond_the_limit() -> None:
    def fair(low: float) -> Fairness:
        gaps = {
            "demographic_parity_difference": Metric(value=0.3, low=low, high=0.4),
            "demographic_parity_ratio": Metric(value=0.1, low=0.05, high=0.2),
        }
        return Fairness(column="sex", groups=[], gaps=gaps)

    asked = problem(fairness=0.2)
    assert list(failed(asked, card(asked, fairness=[fair(0.25)]))) == ["fairness sex"]
    assert failed(asked, card(asked, fairness=[fair(0.1)])) == {}
    unasked = problem()
    assert failed(unasked, card(unasked, fairness=[fair(0.25)])) == {}


def test_declared_behaviour_is_a_check_each() -> None:
    good = Behaved(feature="age", change="+ 1", expect="higher", rows=90, share=0.99, wanted=0.95, passed=True)
    bad = good.model_copy(update={"feature": "sex", "expect": "same", "share": 0.5, "passed": False})
    asked = problem()
    found = failed(asked, card(asked, behaviour=[good, bad]))
    assert list(found) == ["behaviour sex + 1"]
    assert "50.0% of 90 rows behave so, 95% wanted" in found["behaviour sex + 1"]
