from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pipelines.core.watching.calibration_kind import gap_limit, judge_calibration
from pipelines.core.watching.label_book import Findings, open_book


def judge(one: Any, truth: Any = None, names: tuple[str, ...] = ()) -> Findings:
    seen = one.windows(14, truth, 6)
    return judge_calibration(open_book(one.problem.monitoring, one.side, seen[-1], seen[:-1]), 0.05, names, 50)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_answers_as_often_right_as_said_are_healthy(task: str, world: Any) -> None:
    found = judge(world(task))
    assert found.verdict.level == "healthy"
    assert abs(found.numbers["calibration gap"]) < found.numbers["calibration gap, limit (±)"]


def test_a_class_that_comes_more_often_is_an_alarm(world: Any, truths: Any) -> None:
    found = judge(world(), truths["more often"])
    assert found.verdict.level == "alarm"
    assert "below what came" in found.verdict.reasons[0]
    assert found.numbers["calibration gap"] < -found.numbers["calibration gap, limit (±)"]


def test_of_several_classes_the_one_is_named(world: Any) -> None:
    def more(answer: np.ndarray) -> np.ndarray:
        raised = answer * np.array([3.0, 1.0, 1.0])
        return raised / raised.sum(axis=1, keepdims=True)

    found = judge(world("multiclass", rows=400), more, ("a", "b", "c"))
    assert found.verdict.level == "alarm"
    assert "the answers of a are" in found.verdict.reasons[0]


@pytest.mark.parametrize("by", [1.0, -1.0])
def test_values_too_high_or_too_low_are_an_alarm(by: float, world: Any) -> None:
    found = judge(world("regression"), lambda answer: answer + by)
    assert found.verdict.level == "alarm"
    assert ("below" if by > 0 else "above") in found.verdict.reasons[0]


def test_the_limit_is_the_gap_that_costs_the_share(world: Any) -> None:
    """Of p = 0.5 everywhere a gap g costs the divergence of 0.5 + g from 0.5."""
    one = world()
    book = open_book(one.problem.monitoring, one.side, *(lambda seen: (seen[-1], seen[:-1]))(one.windows(2)))
    limit = gap_limit(book, 0, 0.05)
    assert 2 * limit**2 < 0.05 * book.loss < 4 * limit**2, "between p = 0.5 and p = 0.15"
