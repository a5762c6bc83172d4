"""Behaviour: declared tests pass and fail for the right models; what cannot be tried is not passed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.core.evaluation.behaviour import try_behaviour
from pipelines.core.evaluation.subject import Subject
from pipelines.core.good_enough import Behaviour

FRAME = pd.DataFrame(
    {
        "income": [*np.linspace(-2, 2, 99), np.nan],
        "name": pd.Series(["Ada", "Bob"] * 50, dtype=object),
        "at": pd.date_range("2024-01-01", periods=100).astype("datetime64[us]"),
    }
)


def ask(frame: pd.DataFrame) -> np.ndarray:
    """Answers rise with the income; and Bob gets less."""
    x = np.nan_to_num(frame["income"].to_numpy()) - 0.5 * (frame["name"] == "Bob").to_numpy()
    p = 1 / (1 + np.exp(-x))
    return np.column_stack([1 - p, p])


def tried(**test: Any) -> Any:
    kinds = {"income": "numeric", "name": "categorical", "at": "datetime"}
    subject = Subject("binary", "log_loss", ask, FRAME, kinds, np.zeros(100), ask(FRAME))  # type: ignore[arg-type]
    return try_behaviour(subject, [Behaviour.model_validate(test)])[0]


def test_direction_and_invariance() -> None:
    assert tried(feature="income", add=0.5, expect="higher").passed
    wrong = tried(feature="income", add=0.5, expect="lower")
    assert not wrong.passed
    assert wrong.rows == 99  # a missing income stays missing
    assert wrong.share < 0.5
    assert wrong.largest == pytest.approx(0.124, abs=0.01)
    assert tried(feature="at", replace="2024-06-01", expect="same").passed
    unfair = tried(feature="name", replace="Ada", expect="same")
    assert not unfair.passed
    assert unfair.rows == 50  # the others were Ada before
    assert unfair.change == "replace by 'Ada'"
    assert tried(feature="income", multiply=1.0001, expect="same").passed


@pytest.mark.parametrize(
    ("test", "reason"),
    [
        ({"feature": "wage", "add": 1}, "no feature"),
        ({"feature": "name", "add": 1}, "only numbers"),
        ({"feature": "income", "replace": "much"}, "much"),
        ({"feature": "income", "multiply": 1}, "no held-out row"),
    ],
)
def test_what_cannot_be_tried_is_not_passed(test: dict[str, Any], reason: str) -> None:
    found = tried(**test, expect="same")
    assert not found.passed
    assert found.share is None
    assert reason in found.reason


def test_values_move_in_standard_deviations_and_classes_only_stay() -> None:
    frame, y = FRAME[["income"]].fillna(0.0), np.linspace(0, 100, 100)
    kinds = {"income": "numeric"}
    subject = Subject("regression", "rmse", lambda f: 10 * f["income"].to_numpy(), frame, kinds, y, y)  # type: ignore[arg-type]
    test = Behaviour(feature="income", add=1.0, expect="same", tolerance=10 / np.std(y) + 1e-6)
    assert try_behaviour(subject, [test])[0].passed
    scores = np.tile([0.2, 0.3, 0.5], (100, 1))
    several = Subject("multiclass", "log_loss", lambda f: scores[: len(f)], frame, kinds, y * 0, scores)  # type: ignore[arg-type]
    assert "no higher or lower" in str(
        try_behaviour(several, [Behaviour(feature="income", add=1, expect="higher")])[0].reason
    )
