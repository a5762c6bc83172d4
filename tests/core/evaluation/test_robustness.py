"""Robustness: every kind of damage is there, hurts what it should hurt, and leaves the rows as they were."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.core.evaluation.robustness import stress
from pipelines.core.evaluation.subject import Subject
from pipelines.core.learners import make_pipeline
from pipelines.core.problem import Task
from pipelines.core.scoring import score


def trained(make: Callable[..., Any], task: Task, learner: str = "linear") -> Subject:
    frame, y, contract = make(task)
    pipeline = make_pipeline(learner, contract, ["past"], task, {}, 0)
    pipeline.fit(frame, y if task == "regression" else y.astype(int))
    kinds = {column.name: column.kind for column in contract.features} | {"past": "numeric"}
    metric = "rmse" if task == "regression" else "log_loss"
    names = list(kinds)
    return Subject(
        task,
        metric,
        lambda asked: score(pipeline, task, asked),
        frame[names],
        kinds,
        y,
        score(pipeline, task, frame),
        classes=contract.classes or (),
    )


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("learner", ["linear", "histogram_gradient_boosting"])
def test_every_kind_of_column_can_be_damaged(make: Callable[..., Any], task: Task, learner: str) -> None:
    subject = trained(make, task, learner)
    before = subject.frame.copy()
    found = {one.name: one for one in stress(subject)}
    assert set(found) == {"noise 0.1", "noise 0.5", "missing", "unseen", "shifted", "outside"}
    assert all(one.metric.value is not None and one.fall is not None for one in found.values())
    pd.testing.assert_frame_equal(subject.frame, before)
    assert stress(subject) == list(found.values())


def test_more_noise_hurts_more(make: Callable[..., Any]) -> None:
    found = {one.name: one.fall for one in stress(trained(make, "regression"))}
    little, much = found["noise 0.1"], found["noise 0.5"]
    assert little is not None
    assert much is not None
    assert little.difference is not None
    assert much.difference is not None
    assert much.low is not None
    assert little.difference < much.difference
    assert much.low > 0


def test_only_the_damages_that_the_columns_allow() -> None:
    frame = pd.DataFrame({"colour": pd.Series(["red", "blue", None] * 10, dtype=object)})
    y = np.arange(30.0)
    subject = Subject("regression", "rmse", lambda asked: np.zeros(len(asked)), frame, {"colour": "categorical"}, y, y)
    assert [one.name for one in stress(subject)] == ["missing", "unseen"]
