from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import log_loss

from pipelines.core.window_performance import window_performance

START = np.datetime64("2013-03-01", "us")


def moments(n: int, days: float = 7) -> np.ndarray:
    return START + (np.arange(n) * days * 86400e6 / n).astype("timedelta64[us]")


def test_the_loss_is_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 500).astype(float)
    scores = rng.dirichlet([1, 1, 1], 500)
    found = window_performance("multiclass", y, scores, moments(500))
    assert found is not None
    assert found.value == pytest.approx(log_loss(y, scores))
    assert found.low < found.value < found.high
    assert found.calibration_gap is None


def test_regression_is_judged_by_the_root_of_the_mean_square() -> None:
    y = np.arange(100.0)
    found = window_performance("regression", y, y + 2, moments(100))
    assert found is not None
    assert (found.metric, found.value, found.calibration_gap) == ("rmse", pytest.approx(2), pytest.approx(2))
    assert found.low == pytest.approx(2)


def test_unlabelled_rows_and_rows_without_a_score_are_left_out() -> None:
    y = np.array([0.0, 1.0, np.nan, 1.0])
    scores = np.array([[0.8, 0.2], [0.2, 0.8], [0.5, 0.5], [np.nan, np.nan]])
    found = window_performance("binary", y, scores, moments(4))
    assert found is not None
    assert found.labels == 2


@pytest.mark.parametrize("labels", [[], [np.nan] * 3, [1.0]])
def test_fewer_than_two_labels_say_nothing(labels: list[float]) -> None:
    n = len(labels)
    assert window_performance("binary", np.array(labels), np.full((n, 2), 0.5), moments(n)) is None


def test_one_class_has_no_skill_to_speak_of() -> None:
    found = window_performance("binary", np.ones(10), np.full((10, 2), 0.5), moments(10))
    assert found is not None
    assert found.skill is None


def test_days_that_share_their_luck_widen_the_interval() -> None:
    """Each day is wholly good or wholly bad: seven days are seven observations, not 7,000."""
    day = np.arange(7000) // 1000
    right = np.where(day % 2 == 0, 0.9, 0.3)
    scores = np.column_stack([1 - right, right])
    together = window_performance("binary", np.ones(7000), scores, moments(7000))
    apart = window_performance("binary", np.ones(7000), scores, np.full(7000, START))
    assert together is not None
    assert apart is not None
    assert together.high - together.low > 5 * (apart.high - apart.low)


@given(seed=st.integers(0, 1000))
def test_the_order_of_rows_changes_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    y, when = rng.integers(0, 2, 60).astype(float), moments(60)
    p = rng.random(60)
    scores = np.column_stack([1 - p, p])
    mixed = rng.permutation(60)
    assert window_performance("binary", y, scores, when) == window_performance(
        "binary", y[mixed], scores[mixed], when[mixed]
    )


def test_the_interval_covers_the_truth() -> None:
    """A 95% interval over seven days misses in about 5 of 100 draws; 12 would be a fault."""
    rng = np.random.default_rng(0)
    missed = 0
    truth = -(0.3 * np.log(0.3) + 0.7 * np.log(0.7))
    for _ in range(100):
        y = (rng.random(700) < 0.3).astype(float)
        found = window_performance("binary", y, np.tile([0.7, 0.3], (700, 1)), moments(700))
        assert found is not None
        missed += not found.low <= truth <= found.high
    assert missed <= 12
