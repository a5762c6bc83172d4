"""Linear models: what their parameters become."""

from __future__ import annotations

from sklearn.linear_model import LogisticRegression, Ridge

from pipelines.core.learner import Size
from pipelines.core.linear_models import LINEAR


def test_ridge_for_values_and_logistic_for_classes() -> None:
    assert isinstance(LINEAR.build("regression", {"alpha": 3.0}, 0, 1), Ridge)
    model = LINEAR.build("multiclass", {"C": 0.5}, 0, 1)
    assert isinstance(model, LogisticRegression)
    assert (model.C, model.max_iter) == (0.5, 300)


def test_a_weak_and_a_strong_penalty_are_tried_first() -> None:
    assert [start["C"] for start in LINEAR.defaults(Size("binary", 100, 15))] == [1.0, 0.03]
    assert [start["C"] for start in LINEAR.defaults(Size("binary", 100, 1500))] == [1.0, 0.03, 0.001]
    assert [start["alpha"] for start in LINEAR.defaults(Size("regression", 100, 1500))] == [1.0, 100.0, 3_000.0]
    assert LINEAR.affordable(Size("binary", 10_000_000, 100))
