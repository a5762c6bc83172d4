"""Which rows train, validate and test."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core import splitting
from pipelines.core.errors import NotEnoughData, ProblemError
from pipelines.core.problem import Problem, Task
from pipelines.core.splitting import known_before, split


def _problem(time: bool = False, **settings: Any) -> Problem:
    data = {"source": "x.csv", "target": "y"} | ({"time": "t"} if time else {})
    return Problem.model_validate({"name": "x", "data": data, "split": settings})


def _frame(rows: int, labels: Any = None, times: Any = None) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "__row": [f"{one:016x}" for one in range(rows)],
            "__y": np.arange(rows) % 2.0 if labels is None else labels,
            "__time": pd.NaT if times is None else times,
        }
    )


@given(
    st.lists(st.integers(0, 40), min_size=30, max_size=120),
    st.sampled_from(["time", "random"]),
    st.randoms(use_true_random=False),
)
def test_a_split_is_complete_and_does_not_depend_on_row_order(days: list[int], method: str, random: Any) -> None:
    frame = _frame(len(days), times=pd.to_datetime("2013-01-01") + pd.to_timedelta(days, unit="D"))
    frame.loc[::7, "__y"] = np.nan
    shuffled = frame.sample(frac=1, random_state=random.randint(0, 9))
    try:
        sides = split(frame, _problem(True, method=method), "binary")
    except NotEnoughData:
        assert method == "time"
        assert len(set(days)) < 6
        return
    assert set(sides) == {"train", "validation", "test", "unlabelled"}
    assert ((sides == "unlabelled") == frame["__y"].isna()).all()
    again = pd.Series(split(shuffled, _problem(True, method=method), "binary"), index=shuffled.index)
    assert (again.sort_index() == sides).all()


def test_the_newest_are_held_out_and_equal_times_stay_together() -> None:
    frame = _frame(100, times=np.repeat(pd.date_range("2013-01-01", periods=10), 10))
    sides = pd.Series(split(frame, _problem(True), "binary"))
    by_side = frame["__time"].groupby(sides)
    assert by_side.max()["train"] < by_side.min()["validation"]
    assert by_side.max()["validation"] < by_side.min()["test"]
    assert sides.value_counts().to_dict() == {"train": 60, "validation": 20, "test": 20}
    frame["__side"] = sides
    assert splitting.test_start(frame) == np.datetime64("2013-01-09")
    assert splitting.validation_start(frame) == np.datetime64("2013-01-07")


def test_many_held_out_rows_are_enough_where_they_reach_back_far_enough() -> None:
    frame = _frame(36_500, times=np.repeat(pd.date_range("2013-01-01", periods=365), 100))
    for settings, days in (
        ({}, 73),
        ({"longest": "4w"}, 28),
        ({"longest": "5d"}, 20),
        ({"longest": "4w", "test": 0.05}, 18),
    ):
        sides = pd.Series(split(frame, _problem(True, **settings), "binary"))
        assert (sides == "test").sum() == pytest.approx(days * 100, abs=100)
    few = _frame(3_650, times=np.repeat(pd.date_range("2013-01-01", periods=365), 10))
    assert (split(few, _problem(True, longest="4w"), "binary") == "test").sum() == 730


def test_a_random_split_has_no_start() -> None:
    frame = _frame(100, times=pd.date_range("2013-01-01", periods=100))
    frame["__side"] = split(frame, _problem(True, method="random"), "binary")
    assert np.isnat(splitting.test_start(frame))
    assert known_before(frame.assign(__known_at=pd.NaT), splitting.test_start(frame)).all()


def test_small_classes_are_shared_out() -> None:
    labels = np.array([0.0] * 80 + [1.0] * 10 + [2.0])
    sides = split(_frame(91, labels), _problem(), "multiclass")
    assert set(sides[labels == 1.0]) == {"train", "validation", "test"}
    assert sides[labels == 2.0].tolist() == ["train"]
    assert abs((sides == "test").mean() - 0.2) < 0.03


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_in_a_large_table_a_row_keeps_its_side(task: Task) -> None:
    frame = _frame(5000)
    early, later = split(frame.head(3000), _problem(), task), split(frame, _problem(), task)
    assert (early == later[:3000]).all()
    assert abs((later == "test").mean() - 0.2) < 0.03
    assert (split(frame, _problem(seed=1), task) != later).any()


@pytest.mark.parametrize("rows", [300, 3000])
def test_groups_stay_on_one_side(rows: int) -> None:
    frame = _frame(rows).assign(person=[f"p{one % 100}" for one in range(rows)])
    frame.loc[0, "person"] = None
    sides = split(frame, _problem(groups="person"), "binary")
    assert (pd.Series(sides[1:]).groupby(frame["person"].to_numpy()[1:]).nunique() == 1).all()
    assert set(sides) == {"train", "validation", "test"}


def test_too_little_data_is_said() -> None:
    with pytest.raises(NotEnoughData, match="9 labelled rows are too few"):
        split(_frame(9), _problem(), "binary")
    with pytest.raises(NotEnoughData, match="leaves no row"):
        split(_frame(50, times=pd.Timestamp("2013-01-01")), _problem(True), "binary")
    with pytest.raises(ProblemError, match="needs a random split"):
        split(_frame(50), _problem(True, method="time", groups="g"), "binary")
