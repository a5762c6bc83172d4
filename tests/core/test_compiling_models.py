from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge

from pipelines.core.compilation.compiling_models import CannotCompile, plan_model, require
from pipelines.core.estimators import AllClasses

TABLE = np.random.default_rng(0).normal(size=(60, 2))


def wrapped(estimator: Any, classes: int, count: int) -> AllClasses:
    return AllClasses(estimator, count).fit(TABLE, np.arange(60) % classes)


def test_what_a_plan_says_of_each_kind() -> None:
    model, classes, trees = plan_model(wrapped(LogisticRegression(), 2, 4), "multiclass")
    assert (model["kind"], model["link"], trees) == ("linear", "sigmoid", None)
    assert classes == {"count": 4, "present": [0, 1], "rows": 60}
    assert plan_model(wrapped(LogisticRegression(), 3, 3), "multiclass")[0]["link"] == "softmax"
    assert plan_model(Ridge().fit(TABLE, TABLE[:, 0]), "regression")[1] is None
    model, _, _ = plan_model(wrapped(DummyClassifier(), 1, 2), "binary")
    assert (model["kind"], model["values"]) == ("constant", [1.0])


@pytest.mark.parametrize("strategy", ["stratified", "uniform"])
def test_a_dummy_that_guesses_is_refused(strategy: str) -> None:
    with pytest.raises(CannotCompile, match=strategy):
        plan_model(wrapped(DummyClassifier(strategy=strategy), 2, 2), "binary")


def test_another_loss_or_an_unwrapped_classifier_is_refused() -> None:
    positive = HistGradientBoostingRegressor(loss="poisson", max_iter=2).fit(TABLE, np.arange(60))
    with pytest.raises(CannotCompile, match="poisson"):
        plan_model(positive, "regression")
    with pytest.raises(CannotCompile, match="LogisticRegression"):
        plan_model(LogisticRegression().fit(TABLE, np.arange(60) % 2), "binary")


def test_require_names_the_type() -> None:
    require(True, 1)
    with pytest.raises(CannotCompile, match="a int that is not"):
        require(False, 1)
