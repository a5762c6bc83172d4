from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pipelines.core.watching.label_book import Findings, open_book
from pipelines.core.watching.performance_kind import judge_performance


def judge(one: Any, count: int = 12, truth: Any = None, since: int = 0) -> Findings:
    seen = one.windows(count, truth, since)
    return judge_performance(open_book(one.problem.monitoring, one.side, seen[-1], seen[:-1]), 50)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_answers_that_keep_their_promise_are_healthy(task: str, world: Any) -> None:
    found = judge(world(task))
    assert (found.verdict.level, found.verdict.reasons) == ("healthy", [])
    assert found.numbers["harm"] < found.numbers["harm, limit"]
    assert found.numbers["evidence"] < found.numbers["evidence, limit"]


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_answers_that_mean_nothing_any_more_are_an_alarm(task: str, world: Any, truths: Any) -> None:
    found = judge(world(task), truth=truths["useless"], since=8)
    assert found.verdict.level == "alarm"
    assert "above what these answers promised" in found.verdict.reasons[0]
    assert "since 9 March" in found.verdict.reasons[0]
    assert found.numbers["harm"] > found.numbers["harm, limit"]


def test_values_that_mean_nothing_any_more_are_an_alarm(world: Any) -> None:
    found = judge(world("regression"), truth=lambda answer: 0 * answer, since=8)
    assert found.verdict.level == "alarm"
    assert found.numbers["harm"] > 0.2, "in units of the root"


def test_louder_noise_warns_and_twice_the_limit_is_an_alarm(world: Any) -> None:
    def louder(by: float) -> Any:
        source = np.random.default_rng(5)
        return lambda answer: answer + by * source.standard_normal(len(answer))

    assert judge(world("regression"), truth=louder(0.58)).verdict.level == "warning"
    assert judge(world("regression"), truth=louder(1.5)).verdict.level == "alarm"


def test_another_base_rate_is_left_to_calibration(world: Any, truths: Any) -> None:
    found = judge(world(base=-2.0), truth=truths["more often"])
    assert found.verdict.level == "healthy"


def test_worse_than_the_base_rate_is_told(world: Any, truths: Any) -> None:
    found = judge(world(), truth=truths["wrong way"])
    assert any("base rate would have been better" in one for one in found.verdict.reasons)


def test_without_a_loss_to_compare_with_nothing_is_known(world: Any) -> None:
    one = world()
    seen = one.windows(3)
    book = open_book(one.problem.monitoring, one.side, seen[-1], seen[:-1])
    unknown = book.__class__(**{**vars(book), "limit": None})
    assert judge_performance(unknown, 50).verdict.level == "unknown"
