"""The catalogue: every learner copes with every table, and the defaults suit the size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pipelines.core.errors import ProblemError
from pipelines.core.learner import Size
from pipelines.core.learners import CATALOGUE, default_learners, find_learner, make_pipeline, single_threaded
from pipelines.core.scoring import score


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("name", CATALOGUE)
def test_every_learner_beats_the_baseline_on_a_table_with_holes(task: Any, name: str, make: Callable[..., Any]) -> None:
    frame, y, contract = make(task)
    params = CATALOGUE[name].defaults(Size(task, len(frame), 40))[0]
    if (rounds := {"histogram_gradient_boosting": "max_iter", "lightgbm": "n_estimators"}.get(name)) is not None:
        params[rounds] = 15
    labels = y if task == "regression" else y.astype(int)
    pipeline = single_threaded(make_pipeline(name, contract, ["past"], task, params, 0).fit(frame, labels))
    scores = score(pipeline, task, frame)
    if task == "regression":
        error = np.mean((scores - y) ** 2) / np.var(y)
    else:
        assert scores.shape == (len(frame), len(contract.classes))
        assert (scores > 0).all()
        right = np.mean(scores.argmax(axis=1) == y)
        error = (1 - right) / (1 - np.bincount(labels).max() / len(labels))
    assert error == pytest.approx(1) if name == "baseline" else error < 0.8


def test_sizes_decide_which_learners_are_tried() -> None:
    everything = ["linear", "random_forest", "histogram_gradient_boosting", "lightgbm"]
    assert default_learners("regression", 60, 5) == everything
    assert default_learners("binary", 20_000, 20) == everything
    assert default_learners("binary", 50_000, 20) == ["linear", "histogram_gradient_boosting", "lightgbm"]
    assert default_learners("regression", 5_000, 1_500) == ["linear", "lightgbm"]
    assert default_learners("multiclass", 10_000, 50, outputs=30) == ["linear", "random_forest", "lightgbm"]


def test_names_and_parameters_that_are_wrong_are_said(make: Callable[..., Any]) -> None:
    _, _, contract = make("binary")
    with pytest.raises(ProblemError, match="no 'xgboost' for binary; choose from baseline, hist"):
        find_learner("xgboost", "binary")
    for name in CATALOGUE:
        with pytest.raises(ProblemError, match=f"learners: {name}: "):
            make_pipeline(name, contract, [], "binary", {"no_such": 1}, 0)


def test_a_saved_model_predicts_by_one_thread(make: Callable[..., Any]) -> None:
    frame, y, contract = make("binary")
    for name in ("random_forest", "lightgbm"):
        pipeline = make_pipeline(name, contract, [], "binary", {"n_estimators": 3}, 0, threads=2)
        model = single_threaded(pipeline.fit(frame, y.astype(int)))[-1]
        assert model.estimator_.n_jobs == model.estimator.n_jobs == 1
