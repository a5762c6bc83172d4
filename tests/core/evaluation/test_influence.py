from __future__ import annotations

import numpy as np
import pytest

from pipelines.core.evaluation.influence import influence
from pipelines.core.metrics import metric_names, metrics
from pipelines.core.problem import Task


def made(task: Task, rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    source = np.random.default_rng(seed)
    if task == "regression":
        y = source.normal(3, 2, rows)
        return y, y + source.normal(0, 1, rows)
    classes = 2 if task == "binary" else 3
    y = source.integers(0, classes, rows)
    raw = np.round(source.gamma(1, 1, (rows, classes)), 1) + 0.01  # rounded: with ties
    raw[np.arange(rows), y] *= 2
    return y.astype(float), raw / raw.sum(axis=1, keepdims=True)


TASKS: list[Task] = ["binary", "multiclass", "regression"]


@pytest.mark.parametrize(("task", "metric"), [(task, name) for task in TASKS for name in metric_names(task)])
def test_values_and_spreads_are_those_of_the_scorecard(task: Task, metric: str) -> None:
    y, scores = made(task, 900)
    group = np.random.default_rng(1).integers(0, 3, 900)
    values, moved = influence(task, metric, y, scores, group, 3)
    for one in range(3):
        rows = np.flatnonzero(group == one)
        known = metrics(task, y[rows], scores[rows], names=[metric], clusters=np.arange(len(rows)))[metric]
        assert known.value is not None
        assert known.low is not None
        assert known.high is not None
        assert values[one] == pytest.approx(known.value)
        assert moved[rows].sum() == pytest.approx(0, abs=1e-8)
        spread = np.sqrt((moved[rows] ** 2).sum()) / len(rows)
        assert spread == pytest.approx((known.high - known.low) / 3.92, rel=0.15)


def test_a_group_without_the_metric_is_undefined_and_nobody_is_moved() -> None:
    y, scores = made("binary", 60)
    y[:20] = 1
    values, moved = influence("binary", "roc_auc", y, scores, np.arange(60) // 20, 4)
    assert np.isnan(values).tolist() == [True, False, False, True]
    assert not moved[:20].any()
    assert moved[20:].any()


def test_constants_neither_crash_nor_warn() -> None:
    y = np.full(10, 2.0)
    for metric in metric_names("regression"):
        values, moved = influence("regression", metric, y, y, np.zeros(10, int), 1)
        assert np.abs(moved).max() < 1e-12
        assert np.isnan(values[0]) == (metric == "r2")
    for metric in metric_names("binary"):
        _, moved = influence("binary", metric, np.ones(9), np.tile([0.1, 0.9], (9, 1)), np.zeros(9, int), 1)
        assert np.abs(moved).max() < 1e-12
