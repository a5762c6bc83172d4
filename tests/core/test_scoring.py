"""Scoring: one row or many, columns in any order, the same answers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.core.errors import ModelFileError
from pipelines.core.history import HistoryIndex
from pipelines.core.learners import make_pipeline
from pipelines.core.problem import HistoryFeature, Problem
from pipelines.core.schema import Contract
from pipelines.core.scoring import answers, model_input, score

SMALL: dict[str, dict[str, Any]] = {
    "linear": {},
    "random_forest": {"n_estimators": 8},
    "histogram_gradient_boosting": {"max_iter": 8},
    "lightgbm": {"n_estimators": 8},
}


@pytest.fixture(scope="module", params=SMALL)
def fitted(request: pytest.FixtureRequest, make: Callable[..., Any]) -> tuple[Any, pd.DataFrame]:
    frame, y, contract = make("multiclass")
    pipeline = make_pipeline(request.param, contract, ["past"], "multiclass", SMALL[request.param], 0)
    return pipeline.fit(frame, y.astype(int)), frame


@settings(max_examples=15)
@given(data=st.data())
def test_a_row_alone_a_batch_and_shuffled_columns_agree(fitted: Any, data: st.DataObject) -> None:
    pipeline, frame = fitted
    rows = data.draw(st.lists(st.integers(0, len(frame) - 1), min_size=1, max_size=6))
    columns = data.draw(st.permutations([*frame.columns]))
    before = frame.copy(deep=True)
    batch = score(pipeline, "multiclass", frame)
    alone = np.vstack([score(pipeline, "multiclass", frame.iloc[[row]]) for row in rows])
    np.testing.assert_allclose(alone, batch[rows], rtol=0, atol=1e-9)
    turned = score(pipeline, "multiclass", frame[columns].assign(more=1))
    np.testing.assert_array_equal(turned, batch)
    assert batch.shape == (len(frame), 5)
    pd.testing.assert_frame_equal(frame, before)


def test_no_rows_and_missing_columns(fitted: Any) -> None:
    pipeline, frame = fitted
    assert score(pipeline, "multiclass", frame.iloc[:0]).shape == (0, 5)
    with pytest.raises(ModelFileError, match="past"):
        score(pipeline, "multiclass", frame.drop(columns="past"))


def test_history_is_joined_and_the_rows_are_left_as_they_were() -> None:
    problem = Problem.model_validate({"name": "p", "data": {"source": "t.csv", "target": "y", "time": "at"}})
    rows = pd.DataFrame({"line": ["a", "b"], "__y": [4.0, 2.0], "x": [1.0, 2.0]}, index=[7, 9])
    rows["__time"] = rows["__known_at"] = np.array(["2024-01-01", "2024-01-02"], "M8[us]")
    feature = HistoryFeature(name="x", of="y", window=timedelta(days=9))  # takes the place of a stale column
    index = HistoryIndex.build(rows, [feature], problem, "regression")
    before = rows.copy(deep=True)
    joined = model_input(rows, index, rows["__time"].to_numpy())
    pd.testing.assert_frame_equal(rows, before)
    assert np.isnan(joined.loc[7, "x"])
    assert joined.loc[9, "x"] == 4.0
    assert model_input(rows, None, None) is rows
    with pytest.raises(ModelFileError, match="moment"):
        model_input(rows, index, None)


def test_answers_speak_the_classes_language() -> None:
    contract = Contract(
        problem="p", task="binary", target="y", classes=["false", "true"], class_type="boolean", columns=()
    )
    told = answers(contract, np.array([[0.25, 0.75], [1.0, 0.0]]))
    assert told[0] == {"prediction": True, "probabilities": {"false": 0.25, "true": 0.75}}
    assert told[1]["prediction"] is False
    values = Contract(problem="p", task="regression", target="y", columns=())
    assert answers(values, np.array([1.5])) == [{"prediction": 1.5}]
