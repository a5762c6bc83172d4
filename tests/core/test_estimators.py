"""Last steps: a column for every class, and LightGBM that answers from its text."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression

from pipelines.core.estimators import AllClasses, LightGBMClassifier, LightGBMRegressor, at_stages

RNG = np.random.default_rng(0)
X = np.where(RNG.random((200, 4)) < 0.05, np.nan, RNG.normal(size=(200, 4)))
VALUE = np.nan_to_num(X[:, 0]) + RNG.normal(size=200) / 4
BINARY = (VALUE > 0).astype(int)
THREE = np.digitize(VALUE, [-0.5, 0.5])


@pytest.mark.parametrize("y", [BINARY, THREE])
def test_every_class_has_its_column(y: np.ndarray) -> None:
    model = AllClasses(LightGBMClassifier(20, min_child_samples=5), 5).fit(X, y + 1)  # classes 0 and 4 never occur
    probabilities = model.predict_proba(X)
    assert probabilities.shape == (200, 5)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert (probabilities > 0).all()
    assert (model.predict(X) == y + 1).mean() > 0.8


def test_one_class_only_in_training() -> None:
    model = AllClasses(LogisticRegression(), 2).fit(np.zeros((9, 1)), np.ones(9))
    np.testing.assert_allclose(model.predict_proba(np.zeros((1, 1))), [[0.05, 0.95]])
    assert len(model.staged_predict_proba(np.zeros((1, 1)), [1, 2])) == 2


@pytest.mark.parametrize("y", [BINARY, THREE])
def test_lightgbm_answers_as_lightgbm_does(y: np.ndarray) -> None:
    import lightgbm

    several = {"objective": "multiclass", "num_class": 3} if y is THREE else {"objective": "binary"}
    params = {**several, "verbosity": -1, "num_leaves": 7, "seed": 3, "deterministic": True, "num_threads": 1}
    booster = lightgbm.train(params, lightgbm.Dataset(X, label=y, params=params), 15)
    expected = booster.predict(X)
    expected = expected if expected.ndim == 2 else np.column_stack([1 - expected, expected])
    mine = LightGBMClassifier(15, num_leaves=7, random_state=3).fit(X, y)
    np.testing.assert_allclose(mine.predict_proba(X), expected, atol=1e-12)
    assert (mine.predict(X) == expected.argmax(axis=1)).all()


def test_threads_make_no_difference_and_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    one, two = (LightGBMRegressor(20, colsample=0.5, subsample=0.7, n_jobs=n).fit(X, VALUE) for n in (1, 2))
    assert one.model_ == two.model_
    assert "parameters" not in one.model_
    assert np.isfinite(one.predict(X)).all()
    assert capfd.readouterr() == ("", "")


def test_refitting_forgets_what_was_fitted_before() -> None:
    model = LightGBMRegressor(5).fit(X, VALUE)
    before = model.predict(X)
    assert not np.array_equal(model.fit(X, -VALUE).predict(X), before)
    assert "_booster" not in model.__getstate__()
    assert clone(model).get_params() == model.get_params()


@pytest.mark.parametrize(
    ("model", "y"),
    [
        (LightGBMRegressor(12), VALUE),
        (AllClasses(LightGBMClassifier(12), 3), THREE),
        (HistGradientBoostingRegressor(max_iter=12, early_stopping=False), VALUE),
        (AllClasses(HistGradientBoostingClassifier(max_iter=12, early_stopping=False), 2), BINARY),
    ],
)
def test_a_stage_is_what_a_fit_with_fewer_rounds_answers(model: Any, y: np.ndarray) -> None:
    fitted = clone(model).fit(X, y)
    inner = model.estimator if isinstance(model, AllClasses) else model
    name = "max_iter" if hasattr(inner, "max_iter") else "n_estimators"
    few = clone(model).set_params(**{f"estimator__{name}" if inner is not model else name: 5}).fit(X, y)
    answer = "predict_proba" if isinstance(model, AllClasses) else "predict"
    stages = at_stages(fitted, X, [5, 12])
    np.testing.assert_allclose(stages[0], getattr(few, answer)(X), atol=1e-12)
    np.testing.assert_allclose(stages[1], getattr(fitted, answer)(X), atol=1e-12)
