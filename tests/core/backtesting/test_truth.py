from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import log_loss, root_mean_squared_error

from pipelines.core.backtesting.truth import Loss, measure, metric_of, pooled


def test_the_losses_are_those_that_scikit_learn_gives() -> None:
    source = np.random.default_rng(0)
    scores = source.dirichlet(np.ones(3), 200)
    labels = source.integers(0, 3, 200).astype(float)
    assert measure("multiclass", labels, scores).value("multiclass") == pytest.approx(log_loss(labels, scores))
    numbers = source.normal(size=200)
    found = measure("regression", numbers, numbers + 2).value("regression")
    assert found == pytest.approx(root_mean_squared_error(numbers, numbers + 2))


def test_rows_without_a_label_or_an_answer_do_not_count() -> None:
    scores = np.array([[0.5, 0.5], [np.nan, np.nan], [0.5, 0.5]])
    assert measure("binary", np.array([1.0, 1.0, np.nan]), scores).rows == 1


def test_windows_are_pooled_by_their_rows() -> None:
    assert pooled([Loss(10.0, 1), Loss(0.0, 9)]).value("binary") == 1.0
    assert pooled([]).value("regression") is None


def test_names() -> None:
    assert (metric_of("regression"), metric_of("binary")) == ("rmse", "log_loss")
