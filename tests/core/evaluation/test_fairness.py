"""Fairness: Fairlearn's values, intervals that cover, and groups that are too small told apart."""

from __future__ import annotations

import fairlearn.metrics as fairlearn
import numpy as np
import pandas as pd
import pytest

from pipelines.core.evaluation.fairness import judge_fairness
from pipelines.core.evaluation.subject import Subject
from pipelines.core.problem import Task


def subject(task: Task, y: np.ndarray, scores: np.ndarray, metric: str = "log_loss") -> Subject:
    frame = pd.DataFrame({"a": np.zeros(len(y))})
    return Subject(task, metric, lambda asked: scores, frame, {"a": "numeric"}, y, scores)


def two_groups(rows: int, seed: int, bias: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels alike in both groups; the answers of group b are pushed up by `bias`."""
    source = np.random.default_rng(seed)
    group = np.where(source.random(rows) < 0.4, "b", "a")
    x = source.normal(size=rows)
    y = (source.random(rows) < 1 / (1 + np.exp(-x))).astype(float)
    p = 1 / (1 + np.exp(-(x + bias * (group == "b"))))
    return y, np.column_stack([1 - p, p]), group


def test_the_values_are_fairlearns() -> None:
    y, scores, group = two_groups(800, 0, 1.0)
    found = judge_fairness(subject("binary", y, scores), "sex", group)
    answer = scores.argmax(axis=1)
    how = {"y_true": y.astype(int), "y_pred": answer, "sensitive_features": group}
    for name in ("demographic_parity_difference", "demographic_parity_ratio", "equalized_odds_difference"):
        gap = found.gaps[name]
        assert gap.value == pytest.approx(getattr(fairlearn, name)(**how))
        assert gap.low is not None
        assert gap.high is not None
        assert gap.low <= gap.value <= gap.high
    frame = fairlearn.MetricFrame(metrics=fairlearn.true_positive_rate, **how)
    rates = {one.value: one.rates["true_positive_rate"] for one in found.groups}
    assert rates["b"].value == pytest.approx(frame.by_group["b"])
    assert found.gaps["demographic_parity_difference"].low is not None
    assert found.gaps["demographic_parity_difference"].low > 0.1


def test_groups_that_are_alike_are_not_told_apart() -> None:
    """The largest gap is never 0, but its interval mostly says that it may be."""
    wrong = 0
    for seed in range(40):
        y, scores, _ = two_groups(600, seed, 0.0)
        group = np.random.default_rng(seed + 1000).integers(0, 5, 600).astype(str)
        gap = judge_fairness(subject("binary", y, scores), "town", group).gaps["demographic_parity_difference"]
        assert gap.value is not None
        assert gap.value > 0
        wrong += gap.low is not None and gap.low > 0.02
    assert wrong <= 4


def test_small_groups_are_shown_and_not_compared() -> None:
    y, scores, group = two_groups(300, 1, 0.0)
    group = group.astype(object)
    group[:5] = "rare"
    found = judge_fairness(subject("binary", y, scores), "sex", group)
    assert {one.value: one.rows for one in found.groups}["rare"] == 5
    assert any("rare (5)" in note for note in found.notes)
    alone = judge_fairness(subject("binary", y, scores), "sex", np.full(300, "a"))
    assert alone.gaps["demographic_parity_difference"].value is None
    assert "fewer than two groups" in (alone.gaps["demographic_parity_difference"].reason or "")


def test_odds_need_rows_of_either_kind() -> None:
    y, scores, group = two_groups(300, 2, 0.0)
    y[group == "b"] = 0.0
    found = judge_fairness(subject("binary", y, scores), "sex", group)
    assert found.gaps["equalized_odds_difference"].value is None
    assert found.gaps["demographic_parity_difference"].value is not None
    rates = {one.value: one.rates for one in found.groups}
    assert rates["b"]["true_positive_rate"].value is None


def test_values_and_several_classes() -> None:
    source = np.random.default_rng(3)
    group = source.choice(["a", "b"], 400)
    y = source.normal(size=400)
    found = judge_fairness(subject("regression", y, y + 2.0 * (group == "b"), "rmse"), "sex", group)
    assert set(found.gaps) == {"mean_answer_difference", "loss_difference"}
    assert found.gaps["loss_difference"].value == pytest.approx(2.0)
    codes = source.integers(0, 3, 400).astype(float)
    scores = np.full((400, 3), 0.25)
    scores[np.arange(400), np.where(group == "b", 2, codes).astype(int)] = 0.5
    several = judge_fairness(subject("multiclass", codes, scores), "sex", group)
    assert several.gaps["demographic_parity_difference"].value == pytest.approx(2 / 3, abs=0.1)
    assert several.gaps["equalized_odds_difference"].value == pytest.approx(1.0, abs=0.01)
    assert several.gaps["accuracy_difference"].value is not None
