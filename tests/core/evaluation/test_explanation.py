"""Explanation: what matters is found, what does not is not, and effects follow the model."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.core.evaluation.explanation import explain
from pipelines.core.evaluation.subject import Subject

FAR = float("inf")


def subject(rows: int = 400, metric: str = "log_loss") -> Subject:
    source = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "much": source.normal(size=rows),
            "little": source.normal(size=rows),
            "none": source.normal(size=rows),
            "colour": pd.Series(source.choice(["red", "blue"], rows), dtype=object),
            "note": pd.Series(["x"] * rows, dtype=object),
            "empty": np.nan,
        }
    )

    def ask(asked: pd.DataFrame) -> np.ndarray:
        x = 2 * asked["much"] + 0.5 * asked["little"] + (asked["colour"] == "red")
        p = (1 / (1 + np.exp(-x))).to_numpy()
        return np.column_stack([1 - p, p])

    y = (source.random(rows) < ask(frame)[:, 1]).astype(float)
    kinds: dict[str, Any] = dict.fromkeys(("much", "little", "none", "empty"), "numeric")
    kinds |= {"colour": "categorical", "note": "text"}
    return Subject("binary", metric, ask, frame, kinds, y, ask(frame), classes=("no", "yes"))


@pytest.mark.parametrize("metric", ["log_loss", "roc_auc"])
def test_the_features_come_in_the_order_of_what_they_are_worth(metric: str) -> None:
    found = explain(subject(metric=metric), FAR, {"much": 1.5}, ["told"])
    falls = {one.feature: one for one in found.importances}
    assert [one.feature for one in found.importances][:3] == ["much", "colour", "little"]
    assert falls["none"].fall == 0.0
    assert falls["much"].low is not None
    assert falls["much"].low > 0
    assert falls["much"].contribution == 1.5
    assert falls["none"].contribution is None
    assert "told" in found.notes
    assert found == explain(subject(metric=metric), FAR, {"much": 1.5}, ["told"])


def test_effects_follow_the_model_and_leave_out_what_has_none() -> None:
    found = explain(subject(), FAR, {}, [])
    effects = {one.feature: one for one in found.effects}
    assert set(effects) == {"much", "little", "none", "colour"}
    assert effects["much"].answers == sorted(effects["much"].answers)
    assert effects["colour"].values == ["blue", "red"]
    assert effects["colour"].answers[1] > effects["colour"].answers[0]
    assert effects["much"].answer == "probability of yes"


def test_time_that_is_over_is_told() -> None:
    found = explain(subject(), time.monotonic() - 1, {}, [])
    assert found.importances == []
    assert any("no time" in note for note in found.notes)


def test_with_very_many_features_the_foremost_are_shuffled() -> None:
    wide = pd.DataFrame(np.random.default_rng(1).normal(size=(60, 1500)), columns=[f"c{n}" for n in range(1500)])
    y = wide["c7"].to_numpy()
    kinds: dict[str, Any] = dict.fromkeys(wide.columns, "numeric")
    one = Subject("regression", "rmse", lambda asked: asked["c7"].to_numpy() * 0.9, wide, kinds, y, y * 0.9)
    found = explain(one, FAR, {"c7": 1.0}, [])
    assert len(found.importances) == 20
    assert found.importances[0].feature == "c7"
    assert any("too many" in note for note in found.notes)


def test_several_classes_have_an_effect_each() -> None:
    frame = pd.DataFrame({"a": np.linspace(0, 1, 60)})

    def ask(asked: pd.DataFrame) -> np.ndarray:
        a = asked["a"].to_numpy() / 2
        return np.column_stack([a, 0.5 - a, np.full(len(a), 0.3), np.full(len(a), 0.2)])

    y = np.tile([0.0, 1.0, 3.0], 20)
    kinds: dict[str, Any] = {"a": "numeric"}
    one = Subject("multiclass", "log_loss", ask, frame, kinds, y, ask(frame), classes=("p", "q", "r", "s"))
    found = explain(one, FAR, {}, [])
    assert [effect.answer for effect in found.effects] == ["probability of p", "probability of q", "probability of s"]
    assert found.effects[0].answers == sorted(found.effects[0].answers)


def test_an_undefined_metric_is_an_error_that_says_so() -> None:
    one = subject(metric="roc_auc")
    same = Subject(one.task, one.metric, one.ask, one.frame, one.kinds, np.ones(400), one.scores)
    with pytest.raises(ValueError, match="roc_auc is undefined"):
        explain(same, FAR, {}, [])
