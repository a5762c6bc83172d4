from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.drift import LEVELS, ColumnQuality, ColumnScore, KindVerdict, Level, Verdict, WindowFacts, worst
from pipelines.core.window_performance import Performance

START, END = datetime(2013, 3, 1, tzinfo=UTC), datetime(2013, 3, 8, tzinfo=UTC)


def verdict(performance: Level = "healthy", data: Level = "healthy", **others: Any) -> Verdict:
    facts = WindowFacts(
        3,
        START,
        END,
        END,
        rows=1000,
        labels=500,
        columns=[ColumnScore("a", "wasserstein", 0.02, 0.1), ColumnScore("b", "wasserstein", 9.0, 0.1)],
        prediction=ColumnScore("(prediction)", "wasserstein", 0.02, 0.1),
        quality=[ColumnQuality("a", 0.0, 0.0)],
        performance=Performance("log_loss", 0.5, 0.48, 0.52, 500, 0.1, 0.0, 0.3),
    )
    kinds: dict[Any, KindVerdict] = {
        "data": KindVerdict(data, ["the data"]),
        "performance": KindVerdict(performance, ["the loss"]),
    }
    level = worst([one.level for one in kinds.values()])
    return Verdict("p", level, kinds, replace(facts, **others), {"loss": 0.5})


def test_the_reasons_are_those_of_what_is_not_healthy_worst_first() -> None:
    assert verdict().reasons == []
    assert verdict("alarm", "warning").reasons == ["the loss", "the data"]
    assert verdict("unknown", "warning").reasons == ["the data", "the loss"]


@pytest.mark.parametrize(
    ("score", "noise", "drifted"), [(0.2, 0.0, True), (0.4, 0.5, False), (0.05, 0.0, False), (None, 0.0, False)]
)
def test_a_column_drifted_when_its_score_is_large_and_no_chance(
    score: float | None, noise: float, drifted: bool
) -> None:
    assert ColumnScore("a", "wasserstein", score, 0.1, noise).drifted is drifted


def test_a_verdict_is_json() -> None:
    found = json.loads(json.dumps(verdict(newest_label=START).to_dict(), allow_nan=False))
    assert (found["start"], found["newest_label"]) == (START.isoformat(), START.isoformat())
    assert [one["drifted"] for one in found["columns"]] == [False, True]
    assert found["prediction"]["drifted"] is False
    assert found["kinds"]["data"] == {"level": "healthy", "reasons": ["the data"]}
    assert verdict(prediction=None).to_dict()["prediction"] is None


@given(levels=st.lists(st.sampled_from(LEVELS)))
def test_the_worst_level_is_one_of_them(levels: list[Any]) -> None:
    assert worst(levels) in (levels or ["unknown"])
    assert all(LEVELS.index(one) <= LEVELS.index(worst(levels)) for one in levels)
