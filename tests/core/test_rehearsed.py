from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pipelines.core.checks.rehearsed import check_rehearsal
from pipelines.core.evaluation.cost import Cost
from pipelines.core.evaluation.rehearsal import Rehearsal
from pipelines.core.problem import Problem
from pipelines.core.scorecard import Evidence, Scorecard, judge

GOOD = Rehearsal(rows=50, wrong=0, largest=0.0, tolerance=1e-6, latency_ms=3.0, size_mb=1.0)


def problem(**good_enough: Any) -> Problem:
    data = {"source": "x.csv", "target": "y"}
    return Problem.model_validate({"name": "x", "data": data, "good_enough": good_enough})


def card(**facts: Any) -> Scorecard:
    y = np.arange(30.0)
    evidence = Evidence(np.array([f"{one:02d}" for one in range(30)]), y, y, np.zeros(30))
    return judge(problem(), "regression", evidence, "d", **facts)


def failed(rehearsal: Rehearsal | None, asked: Problem | None = None) -> list[str]:
    return [check.name for check in check_rehearsal(asked or problem(), card(), rehearsal) if not check.passed]


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"wrong": 1, "examples": ["row 7: 0.2 expected, 0.3 came"]}, "parity"),
        ({"rows": 0}, "parity"),
        ({"latency_ms": 101.0}, "latency"),
        ({"size_mb": 501.0}, "size"),
    ],
)
def test_each_fault_fails_its_own_check(change: dict[str, Any], name: str) -> None:
    assert failed(GOOD) == []
    assert failed(GOOD.model_copy(update=change)) == [name]


def test_the_first_wrong_row_is_told() -> None:
    wrong = GOOD.model_copy(update={"wrong": 2, "examples": ["row 7: 0.2 expected, 0.3 came"]})
    parity = check_rehearsal(problem(), card(), wrong)[0]
    assert parity.reason == (
        "2 of 50 rows are answered otherwise over HTTP than in batch: row 7: 0.2 expected, 0.3 came"
    )


def test_what_was_not_measured_passes_and_says_so() -> None:
    for rehearsal in (None, GOOD.model_copy(update={"skipped": "RATCHET_REHEARSAL is off", "latency_ms": None})):
        parity, latency, _ = check_rehearsal(problem(), card(), rehearsal)
        assert (parity.passed, latency.passed) == (True, True)
        assert "not rehearsed over HTTP" in parity.reason
        assert latency.reason == "latency was not measured"
    assert failed(GOOD.model_copy(update={"latency_ms": 9e9}), problem(max_latency_ms=None)) == []


def test_without_a_rehearsal_the_size_is_that_of_the_model_file() -> None:
    cost = Cost(train_seconds=None, energy_wh=None, energy_method="", model_bytes=600_000_000, row_ms=None)
    checks = check_rehearsal(problem(), card(cost=cost), None)
    assert [check.name for check in checks if not check.passed] == ["size"]
