"""Attribution: exact where the model is compiled, asked for where it is not, and both agree."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pipelines.core.compilation.compiling import compile_pipeline
from pipelines.core.evaluation.attribution import attribute
from pipelines.core.evaluation.subject import Subject
from pipelines.core.learners import make_pipeline
from pipelines.core.problem import Task
from pipelines.core.scoring import score
from pipelines.stores.bundles.tree_kernel import TreeKernel

FAR = float("inf")


def trained(make: Callable[..., Any], task: Task, learner: str) -> tuple[Subject, Any]:
    frame, y, contract = make(task)
    pipeline = make_pipeline(learner, contract, ["past"], task, {}, 0)
    pipeline.fit(frame, y if task == "regression" else y.astype(int))
    kinds = {column.name: column.kind for column in contract.features} | {"past": "numeric"}
    compiled = compile_pipeline(pipeline, contract, ["past"], TreeKernel)
    scores = score(pipeline, task, frame)
    subject = Subject(task, "rmse", lambda asked: score(pipeline, task, asked), frame[list(kinds)], kinds, y, scores)
    return subject, compiled


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("learner", ["linear", "histogram_gradient_boosting"])
def test_the_feature_that_made_the_labels_contributes_most(make: Callable[..., Any], task: Task, learner: str) -> None:
    subject, compiled = trained(make, task, learner)
    exact, told = attribute(subject, compiled, FAR)
    assert max(exact, key=lambda name: exact[name]) == "size"
    assert "240 rows" in told[0]
    asked, told = attribute(subject, None, FAR)
    assert max(asked, key=lambda name: asked[name]) == "size"
    assert "sampled Shapley" in told[0]


def test_no_time_and_too_many_features_are_told(make: Callable[..., Any]) -> None:
    subject, compiled = trained(make, "regression", "linear")
    for form in (None, compiled):
        assert attribute(subject, form, time.monotonic() - 1) == ({}, ["no time for contributions"])
    wide: dict[str, Any] = dict.fromkeys((f"c{n}" for n in range(300)), "numeric")
    found, told = attribute(replace(subject, kinds=wide, scores=np.zeros(240)), None, FAR)
    assert found == {}
    assert "more than 200 features" in told[0]


def test_a_model_that_takes_long_for_a_row_is_asked_for_few(make: Callable[..., Any]) -> None:
    subject, compiled = trained(make, "regression", "linear")

    class Slow:
        """Takes fifty milliseconds for each row, as a large forest can."""

        reads, kernel, asked = compiled.reads, compiled.kernel, 0

        def contributions(self, columns: Any, rows: int) -> Any:
            time.sleep(0.05 * rows)
            self.asked += rows
            return compiled.contributions(columns, rows)

    slow: Any = Slow()
    found, told = attribute(subject, slow, time.monotonic() + 0.5)
    assert set(found) == set(compiled.reads)
    assert 1 <= slow.asked <= 10
    assert f"{slow.asked} rows" in told[0]
