from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pipelines.core.estimators import LightGBMRegressor
from pipelines.core.evaluation.model_differences import model_differences

X = np.random.default_rng(0).normal(size=(60, 3))
Y = X @ [1.0, 2.0, 0.0]


def test_equal_models_have_no_difference() -> None:
    one, other = (make_pipeline(StandardScaler(), Ridge()).fit(X, Y) for _ in range(2))
    assert model_differences(one, other) == []


def test_a_difference_has_its_place_and_size() -> None:
    one = make_pipeline(StandardScaler(), Ridge()).fit(X, Y)
    other = make_pipeline(StandardScaler(), Ridge()).fit(X, Y + X[:, 2] * 0.001)
    found = model_differences(one, other)[0]  # the intercept follows
    assert found.startswith("steps[1][1].coef_: ")
    assert "of 3 values differ, by up to 0.000" in found
    assert "Ridge -> LogisticRegression" in model_differences(Ridge().fit(X, Y), LogisticRegression().fit(X, Y > 0))[0]


@pytest.mark.parametrize("kind", ["trees", "rounds"])
def test_trees_are_counted(kind: str) -> None:
    params = {"n_estimators": 8, "num_leaves": 4, "min_child_samples": 2, "n_jobs": 1}
    one = LightGBMRegressor(**params).fit(X, Y)
    changed = {"n_estimators": 9} if kind == "rounds" else {}
    other = LightGBMRegressor(**{**params, **changed}).fit(X, Y if changed else Y + X[:, 2])
    text = " ".join(model_differences(one, other))
    assert ("8 -> 9 trees" if changed else "of 8 trees differ") in text


def test_a_long_list_is_cut() -> None:
    one, other = (RandomForestRegressor(30, random_state=seed, max_depth=2).fit(X, Y) for seed in (0, 1))
    found = model_differences(one, other, most=5)
    assert len(found) == 6
    assert found[-1] == "and more"


def test_forests_of_two_sizes() -> None:
    one, other = (RandomForestRegressor(size, random_state=0, max_depth=2).fit(X, Y) for size in (3, 4))
    assert any("3 -> 4 parts" in line for line in model_differences(one, other))
