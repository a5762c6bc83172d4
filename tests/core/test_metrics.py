from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.metrics import (
    better,
    compare,
    confusion_matrix,
    mean_interval,
    metric_names,
    metrics,
    per_row_loss,
)
from pipelines.core.problem import Task


def binary(p: np.ndarray) -> np.ndarray:
    return np.column_stack([1 - p, p])


def sample(task: Task, rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    source = np.random.default_rng(seed)
    if task == "regression":
        return source.normal(size=rows), source.normal(size=rows)
    classes = 2 if task == "binary" else 4
    return source.integers(0, classes, rows).astype(float), source.dirichlet(np.ones(classes), rows)


@given(st.sampled_from(["binary", "multiclass", "regression"]), st.integers(1, 60), st.integers(0, 20))
def test_intervals_hold_the_value_whatever_the_rows(task: Task, rows: int, seed: int) -> None:
    y, scores = sample(task, rows, seed)
    found = metrics(task, y, scores, clusters=np.arange(rows) // 3 if seed % 2 else None)
    assert tuple(found) == metric_names(task)
    for one in found.values():
        assert (one.value is None) <= (one.reason is not None)
        assert (one.low is None) == (one.high is None)
        if one.value is not None and one.low is not None and one.high is not None:
            assert one.low <= one.value <= one.high


@given(st.sampled_from(["binary", "multiclass", "regression"]), st.integers(0, 20))
def test_clustered_metrics_do_not_know_the_rows_order(task: Task, seed: int) -> None:
    y, scores = sample(task, 50, seed)
    clusters = np.arange(50) // 4
    shuffled = np.random.default_rng(seed).permutation(50)
    one = metrics(task, y, scores, clusters=clusters)
    other = metrics(task, y[shuffled], scores[shuffled], clusters=clusters[shuffled])
    for name in one:
        assert one[name].value == pytest.approx(other[name].value)
        assert one[name].low == pytest.approx(other[name].low)


@pytest.mark.parametrize("rows", [1, 2, 20])
def test_one_class_and_tiny_tests_neither_crash_nor_warn(rows: int) -> None:
    found = metrics("binary", np.ones(rows), binary(np.linspace(0.1, 0.9, rows)))
    assert found["roc_auc"].value is None
    assert found["roc_auc"].reason == "only one class among the labels"
    assert found["log_loss"].value is not None
    none = metrics("binary", np.zeros(rows), binary(np.full(rows, 0.1)))
    assert none["precision"].value is None
    assert none["f1"].value is None
    assert none["accuracy"].value == 1


def test_constants_have_no_r2_and_a_sure_answer_is_no_certainty() -> None:
    found = metrics("regression", np.full(20, 3.0), np.full(20, 4.0))
    assert found["r2"].value is None
    assert found["r2"].reason == "the labels are all equal"
    assert found["rmse"].value == found["rmse"].high == 1
    right = metrics("binary", np.tile([0.0, 1.0], 10), binary(np.tile([0.1, 0.9], 10)))
    assert right["accuracy"].value == 1
    assert right["accuracy"].low == pytest.approx(0.839, abs=0.001)


def test_no_rows_and_answers_that_are_no_numbers_have_a_reason() -> None:
    assert metrics("regression", np.empty(0), np.empty(0))["rmse"].reason == "no labelled rows"
    broken = metrics("regression", np.ones(3), np.array([1.0, np.nan, 2.0]))
    assert "finite" in str(broken["mae"].reason)
    assert compare("regression", "mae", np.ones(3), np.full(3, np.inf), np.ones(3)).difference is None


@given(
    st.sampled_from(["log_loss", "brier", "roc_auc", "accuracy", "precision", "recall", "f1"]),
    st.integers(0, 30),
    st.floats(0, 1),
)
def test_improving_rows_never_worsens_the_lower_end_of_the_gain(metric: str, seed: int, towards: float) -> None:
    source = np.random.default_rng(seed)
    y = source.integers(0, 2, 80).astype(float)
    ours, theirs = source.random(80), source.random(80)
    chosen = source.random(80) < 0.5
    improved = np.where(chosen, ours + towards * (y - ours), ours)
    before = compare("binary", metric, y, binary(ours), binary(theirs))
    after = compare("binary", metric, y, binary(improved), binary(theirs))
    assert before.low is not None
    assert after.low is not None
    assert after.low >= before.low - 1e-12


@given(st.sampled_from(["rmse", "mae", "mse", "r2"]), st.integers(0, 30), st.floats(0, 1))
def test_improving_values_never_worsens_the_lower_end_of_the_gain(metric: str, seed: int, towards: float) -> None:
    source = np.random.default_rng(seed)
    y, ours, theirs = source.normal(size=(3, 60))
    improved = np.where(source.random(60) < 0.5, ours + towards * (y - ours), ours)
    before = compare("regression", metric, y, ours, theirs)
    after = compare("regression", metric, y, improved, theirs)
    assert before.low is not None
    assert after.low is not None
    assert after.low >= before.low - 1e-12


@given(st.sampled_from(["log_loss", "roc_auc"]), st.integers(0, 10))
def test_a_model_gains_nothing_over_itself(metric: str, seed: int) -> None:
    y, scores = sample("binary", 40, seed)
    gain = compare("binary", metric, y, scores, scores)
    assert (gain.difference, gain.low, gain.high) == (0, 0, 0)


def test_a_hundred_thousand_rows_take_seconds() -> None:
    y, scores = sample("binary", 100_000, 0)
    started = time.perf_counter()
    metrics("binary", y, scores)
    assert time.perf_counter() - started < 10  # 0.7 s alone on a core; the limit only catches a change of order


def test_losses_fit_their_metric() -> None:
    y, scores = np.array([1.0, 0.0]), binary(np.array([0.25, 0.25]))
    assert per_row_loss("binary", y, scores, "accuracy").tolist() == [1, 0]
    assert per_row_loss("binary", y, scores, "brier").tolist() == [0.5625, 0.0625]
    assert per_row_loss("binary", y, scores, "roc_auc") == pytest.approx(-np.log([0.25, 0.75]))
    assert per_row_loss("regression", y, np.array([3.0, 1.0]), "mae").tolist() == [2, 1]


def test_the_confusion_matrix_adds_up() -> None:
    y, scores = sample("multiclass", 500, 1)
    cells = np.array(confusion_matrix(y, scores))
    assert cells.sum() == 500
    assert cells.sum(axis=1).tolist() == np.bincount(y.astype(int), minlength=4).tolist()


def test_means_and_directions() -> None:
    assert mean_interval(np.empty(0)).reason == "no rows"
    assert mean_interval(np.array([1.0])).low is None
    found = mean_interval(np.arange(100.0))
    assert found.value == 49.5
    assert better("r2", 0.2, 0.1)
    assert not better("rmse", 0.2, 0.1)
    assert not better("rmse", 0.1, 0.1)
