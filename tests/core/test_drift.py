from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.drift import (
    LEVELS,
    ColumnQuality,
    ColumnScore,
    WindowFacts,
    allowed_loss,
    judge_window,
    worst,
)
from pipelines.core.problem import Problem
from pipelines.core.window_performance import Performance

START, END = datetime(2013, 3, 1, tzinfo=UTC), datetime(2013, 3, 8, tzinfo=UTC)
PROBLEM = Problem.model_validate({"name": "p", "data": {"source": "p.csv", "target": "y"}})


def score(name: str, value: float | None, noise: float = 0.0, note: str | None = None) -> ColumnScore:
    return ColumnScore(name, "wasserstein", value, 0.1, noise, note)


def loss(value: float, low: float, high: float, labels: int = 500) -> Performance:
    return Performance("log_loss", value, low, high, labels, 0.1, 0.0, 0.3)


def facts(**others: Any) -> WindowFacts:
    calm = [score(name, 0.02) for name in "abcd"]
    base = WindowFacts(
        3,
        START,
        END,
        END,
        rows=1000,
        labels=500,
        columns=calm,
        prediction=score("(prediction)", 0.02),
        quality=[ColumnQuality("a", 0.0, 0.0)],
        performance=loss(0.5, 0.48, 0.52),
        reference_loss=0.5,
    )
    return replace(base, **others)


def test_a_calm_window_is_healthy_in_every_kind() -> None:
    verdict = judge_window(PROBLEM, facts())
    assert verdict.level == "healthy"
    assert {one.level for one in verdict.kinds.values()} == {"healthy"}
    assert verdict.reasons == []


def test_data_drift_of_every_column_warns_and_no_more() -> None:
    verdict = judge_window(PROBLEM, facts(columns=[score(name, 9.9) for name in "abcd"]))
    assert verdict.kinds["data"].level == "warning"
    assert verdict.level == "warning"
    assert "100% of the columns drifted" in verdict.reasons[0]


def test_a_large_score_within_the_noise_is_no_drift() -> None:
    verdict = judge_window(PROBLEM, facts(columns=[score(name, 0.4, noise=0.5) for name in "abcd"]))
    assert verdict.kinds["data"].level == "healthy"


def test_one_drifted_column_of_four_is_named_and_not_enough() -> None:
    verdict = judge_window(PROBLEM, facts(columns=[score("a", 0.9), *(score(name, 0.0) for name in "bcd")]))
    assert verdict.kinds["data"].level == "healthy"
    assert "a 0.90" in verdict.kinds["data"].reasons[0]


def test_drift_of_the_answers_warns() -> None:
    verdict = judge_window(PROBLEM, facts(prediction=score("(prediction)", 2.0)))
    assert verdict.kinds["prediction"].level == "warning"


def test_a_credibly_worse_loss_is_an_alarm() -> None:
    verdict = judge_window(PROBLEM, facts(performance=loss(0.7, 0.6, 0.8)))
    assert verdict.kinds["performance"].level == "alarm"
    assert verdict.level == "alarm"
    assert "limit 0.550" in verdict.reasons[0]


def test_a_worse_loss_that_may_be_chance_warns() -> None:
    verdict = judge_window(PROBLEM, facts(performance=loss(0.7, 0.5, 0.9)))
    assert verdict.kinds["performance"].level == "warning"


def test_a_significant_but_small_rise_is_nothing() -> None:
    verdict = judge_window(PROBLEM, facts(performance=loss(0.52, 0.519, 0.521)))
    assert verdict.kinds["performance"].level == "healthy"


@pytest.mark.parametrize(
    "others",
    [
        {"performance": loss(5, 4, 6, labels=3)},
        {"performance": None, "labels": 0},
        {"performance": loss(5, 4, 6), "reference_loss": None},
    ],
)
def test_too_few_labels_or_nothing_to_compare_with_is_unknown(others: dict[str, Any]) -> None:
    verdict = judge_window(PROBLEM, facts(**others))
    assert verdict.kinds["performance"].level == "unknown"
    assert verdict.level == "healthy"


def test_too_few_rows_are_not_judged() -> None:
    verdict = judge_window(PROBLEM, facts(rows=5, labels=0, performance=None, columns=[score("a", 9.0)]))
    assert verdict.level == "unknown"
    assert "5 rows are too few" in verdict.reasons[0]


@pytest.mark.parametrize(
    ("quality", "level", "text"),
    [
        (ColumnQuality("a", 1.0, 0.0), "alarm", "missing in every row"),
        (ColumnQuality("a", 1.0, 0.9), "healthy", ""),
        (ColumnQuality("a", 0.3, 0.1), "warning", "up from 10%"),
        (ColumnQuality("a", 0.15, 0.1), "healthy", ""),
        (ColumnQuality("a", 0.0, 0.0, unseen=0.5), "warning", "unseen categories"),
        (ColumnQuality("a", 0.0, 0.0, outside=0.5), "warning", "outside the range"),
        (ColumnQuality("a", 0.0, 0.0, broken=0.5), "warning", "against the contract"),
    ],
)
def test_quality_is_judged_by_shares(quality: ColumnQuality, level: str, text: str) -> None:
    found = judge_window(PROBLEM, facts(quality=[quality])).kinds["quality"]
    assert found.level == level
    assert text in " ".join(found.reasons)


def test_bad_columns_are_left_out_of_the_share() -> None:
    columns = [score("a", 0.9), score("b", None, note="the window has no value")]
    assert judge_window(PROBLEM, facts(columns=columns)).kinds["data"].level == "warning"
    nothing = judge_window(PROBLEM, facts(columns=columns[1:]))
    assert nothing.kinds["data"].level == "unknown"


def test_a_verdict_is_json() -> None:
    found = json.loads(json.dumps(judge_window(PROBLEM, facts()).to_dict(), allow_nan=False))
    assert found["start"] == START.isoformat()
    assert found["columns"][0]["drifted"] is False
    assert found["numbers"]["loss, limit"] == pytest.approx(0.55)
    assert allowed_loss(PROBLEM, facts(reference_loss=None)) is None


@given(levels=st.lists(st.sampled_from(LEVELS)))
def test_the_worst_level_is_one_of_them(levels: list[Any]) -> None:
    assert worst(levels) in (levels or ["unknown"])
    assert all(LEVELS.index(one) <= LEVELS.index(worst(levels)) for one in levels)


@given(values=st.lists(st.floats(0, 3), min_size=1, max_size=12), seed=st.randoms(use_true_random=False))
def test_the_order_of_columns_changes_no_level(values: list[float], seed: Any) -> None:
    columns = [score(f"c{position}", value) for position, value in enumerate(values)]
    before = judge_window(PROBLEM, facts(columns=list(columns)))
    seed.shuffle(columns)
    after = judge_window(PROBLEM, facts(columns=columns))
    assert before.kinds["data"].level == after.kinds["data"].level
