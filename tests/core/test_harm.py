from __future__ import annotations

import numpy as np

from pipelines.core.checks.harm import check_slices
from pipelines.core.evaluation.slice_harm import Slice
from pipelines.core.evaluation.slice_search import SliceSearch
from pipelines.core.metrics import Metric
from pipelines.core.problem import Problem
from pipelines.core.scorecard import Evidence, Scorecard, judge

PROBLEM = Problem.model_validate({"name": "x", "data": {"source": "x.csv", "target": "y"}})
SEARCH = SliceSearch(features=4, looked_at=30, method="as a test does")


def one(value: str, p_value: float | None, excess: float, searched: bool = False) -> Slice:
    return Slice(
        column="place",
        value=value,
        rows=50,
        metrics={},
        excess=Metric(value=excess),
        p_value=p_value,
        searched=searched,
        judged_on="rmse",
    )


def card(*slices: Slice, search: SliceSearch | None = SEARCH) -> Scorecard:
    y = np.arange(30.0)
    evidence = Evidence(np.array([f"{row:02d}" for row in range(30)]), y, y, np.zeros(30))
    made = judge(PROBLEM, "regression", evidence, "d")
    return made.model_copy(update={"slices": list(slices), "search": search})


def test_credibly_worse_and_beyond_the_margin_fails_and_neither_alone_does() -> None:
    made = card(one("a", 0.01, 0.5), one("b", 0.01, -0.5), one("c", 0.5, 0.5), one("d", None, 0.5))
    found = {check.name: check.passed for check in check_slices(made, "champion 1")}
    assert found == {"slice place = a": False, "slice place = b": True, "slice place = c": True}


def test_searched_slices_are_told_only_where_they_are_harmed() -> None:
    calm = check_slices(card(one("a", 0.4, 0.5, searched=True)), "champion 1")
    assert [(check.name, check.passed, check.value) for check in calm] == [("slice_search", True, 0.4)]
    assert "30 slices of 4 features searched" in calm[0].reason
    harmed = check_slices(card(one("a", 0.01, 0.5, searched=True), one("b", 0.4, 0.5, searched=True)), "champion 1")
    assert [check.name for check in harmed] == ["slice place = a"]
    assert "found by the search" in harmed[0].reason
    assert check_slices(card(search=None), "champion 1") == []
