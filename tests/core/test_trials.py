"""Trials: no row of the future is fitted on, no class is forgotten, and the loss is the metric asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score, log_loss, roc_auc_score

from pipelines.core.errors import NotEnoughData
from pipelines.core.learners import CATALOGUE
from pipelines.core.problem import Problem
from pipelines.core.scoring import score
from pipelines.core.trials import Judge, fit_final, fit_rows, objective, search_folds


def _problem(**more: Any) -> Problem:
    return Problem.model_validate({"name": "p", "data": {"source": "t.csv", "target": "y", "time": "at"}, **more})


def _sides(rows: int, delay: int, timed: bool = True) -> pd.DataFrame:
    side = np.repeat(["train", "validation", "test"], [rows - 2 * (rows // 5), rows // 5, rows // 5])
    time = np.datetime64("2024-01-01", "us") + np.arange(rows) * np.timedelta64(1, "h")
    never = np.full(rows, np.datetime64("NaT", "us"))
    frame = pd.DataFrame({"__side": side, "__y": np.arange(rows) % 3 * 1.0})
    frame["__time"] = time if timed else never
    frame["__known_at"] = time + np.timedelta64(delay, "h") if timed else never
    return frame if timed else frame.sample(frac=1, random_state=0, ignore_index=True)


@settings(max_examples=40)
@given(st.integers(60, 300), st.integers(0, 11), st.data())
def test_by_time_only_labels_known_before_the_next_side_count(rows: int, delay: int, data: st.DataObject) -> None:
    frame = _sides(rows, delay)
    frame.loc[data.draw(st.integers(0, rows // 2)), "__y"] = np.nan
    [(fit, judge)] = search_folds(frame, _problem(), "regression", 10)
    held_out = frame[frame["__side"] == "validation"]["__time"].min()
    tested = frame[frame["__side"] == "test"]["__time"].min()
    assert (frame["__known_at"].iloc[fit] < held_out).all()
    assert (frame["__known_at"].iloc[judge] < tested).all()
    assert (frame["__known_at"].iloc[fit_rows(frame)] < tested).all()
    assert frame["__y"].iloc[[*fit, *judge]].notna().all()
    assert set(frame["__side"].iloc[fit]) == {"train"}
    assert set(frame["__side"].iloc[judge]) == {"validation"}


def test_small_random_tables_are_folded_and_every_row_is_judged_once() -> None:
    frame = _sides(100, 0, timed=False)
    frame.loc[frame.index[frame["__side"] != "test"][:1], "__y"] = 9.0  # a class with one member
    folds = search_folds(frame, _problem(), "multiclass", 10)
    assert len(folds) == 5
    judged = np.concatenate([judge for _, judge in folds])
    assert sorted(judged) == sorted(fit_rows(frame))
    for fit, judge in folds:
        assert not set(fit) & set(judge)
        assert abs(np.mean(frame["__y"].iloc[judge] == 1.0) - 1 / 3) < 0.1


def test_groups_stay_together_in_folds() -> None:
    frame = _sides(200, 0, timed=False).assign(house=[f"h{n % 20}" for n in range(200)])
    for fit, judge in search_folds(frame, _problem(split={"groups": "house", "method": "random"}), "regression", 10):
        assert not set(frame["house"].iloc[fit]) & set(frame["house"].iloc[judge])


def test_the_search_sees_the_newest_rows_or_a_seeded_sample() -> None:
    frame = _sides(6_000, 0)
    [(fit, judge)] = search_folds(frame, _problem(search={"max_rows": 1_000}), "regression", 10)
    assert fit.tolist() == list(range(2_600, 3_600))
    assert len(judge) == 1_000
    frame = _sides(6_000, 0, timed=False)
    first, again = (search_folds(frame, _problem(search={"max_rows": 1_000}), "regression", 10)[0] for _ in range(2))
    assert first[0].tolist() == again[0].tolist()
    assert len(first[0]) == 1_000
    assert len(search_folds(frame, _problem(), "regression", 4_000)[0][0]) == 1_250  # wide tables: fewer rows


def test_labels_that_come_too_late_are_said() -> None:
    with pytest.raises(NotEnoughData, match="known"):
        fit_rows(_sides(100, 500))
    with pytest.raises(NotEnoughData, match="validation"):
        search_folds(_sides(100, 62), _problem(), "regression", 10)


CLASSES = np.array([0, 1, 1, 0, 1, 0])
SHARES = np.array([0.2, 0.9, 0.6, 0.65, 0.3, 0.1])
BINARY = np.column_stack([1 - SHARES, SHARES])


def test_objectives_are_the_metrics_turned_to_be_minimised() -> None:
    loss, value = objective("log_loss", "binary", CLASSES, BINARY)
    assert loss == value == pytest.approx(log_loss(CLASSES, SHARES))
    loss, value = objective("roc_auc", "binary", CLASSES, BINARY)
    assert -loss == value == pytest.approx(roc_auc_score(CLASSES, SHARES))
    loss, value = objective("f1", "binary", CLASSES, BINARY)
    assert value == pytest.approx(f1_score(CLASSES, SHARES > 0.5))
    assert loss == pytest.approx(-value, abs=1e-3)


def test_undefined_metrics_give_way() -> None:
    ones = np.ones(6, dtype=int)
    loss, value = objective("roc_auc", "binary", ones, BINARY)
    assert np.isnan(value)
    assert loss == pytest.approx(log_loss(ones, SHARES, labels=[0, 1]))
    never = np.column_stack([np.ones(6), np.zeros(6)]) * 0.8 + 0.1
    assert objective("precision", "binary", CLASSES, never)[0] >= 1
    assert np.isnan(objective("r2", "regression", np.ones(3), np.arange(3.0))[1])


def test_the_rounds_found_are_those_that_a_fit_with_them_confirms(make: Callable[..., Any]) -> None:
    frame, y, contract = make("binary", rows=300)
    frame = frame.assign(__y=y)
    folds = [(np.arange(200), np.arange(200, 300))]
    judge = Judge(frame, contract, ["past"], folds, "log_loss", 0)
    learner = CATALOGUE["lightgbm"]
    params = {"n_estimators": 120, "learning_rate": 0.3, "min_child_samples": 5}
    found = judge(learner, params, 1, True)
    assert found.rounds is not None
    assert found.rounds < 120
    few = {**params, "n_estimators": found.rounds}
    again = judge(learner, few, 1, False)
    assert again.loss == pytest.approx(found.loss, abs=1e-9)
    assert again.rounds == found.rounds
    # And the trial says what the final pipeline, fitted on the same rows, then does.
    pipeline = fit_final(frame.iloc[:200], contract, ["past"], learner, few, 0, 1)
    scores = score(pipeline, "binary", frame.iloc[200:])
    assert objective("log_loss", "binary", y[200:], scores)[0] == pytest.approx(found.loss, abs=1e-9)
