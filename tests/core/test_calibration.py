from __future__ import annotations

import numpy as np
import pytest

from pipelines.core.calibration import calibrate


def test_an_honest_model_is_calibrated_and_a_boastful_one_is_not() -> None:
    source = np.random.default_rng(0)
    p = source.random(20_000)
    y = (source.random(20_000) < p).astype(float)
    honest = calibrate("binary", y, np.column_stack([1 - p, p]))
    sure = np.where(p > 0.5, 0.99, 0.01)
    boastful = calibrate("binary", y, np.column_stack([1 - sure, sure]))
    assert honest.ece is not None
    assert boastful.ece is not None
    assert honest.ece < 0.02
    assert boastful.ece > 0.2
    assert len(honest.bins) == 10
    assert sum(one.rows for one in honest.bins) == 20_000


def test_several_classes_are_judged_by_the_class_answered() -> None:
    scores = np.array([[0.8, 0.1, 0.1], [0.1, 0.6, 0.3]])
    found = calibrate("multiclass", np.array([0.0, 2.0]), scores, bins=1)
    assert found.bins[0].said == pytest.approx(0.7)
    assert found.bins[0].came == pytest.approx(0.5)


def test_order_does_not_matter_and_little_is_enough() -> None:
    y, p = np.array([0.0, 1.0, 1.0]), np.array([0.2, 0.9, 0.4])
    one = calibrate("binary", y, np.column_stack([1 - p, p]))
    other = calibrate("binary", y[::-1], np.column_stack([1 - p, p])[::-1])
    assert one == other
    assert calibrate("regression", np.empty(0), np.empty(0)).ece is None
    assert calibrate("regression", np.ones(2), np.array([np.nan, 1.0])).bins == []


def test_noise_is_told_from_error() -> None:
    """What a perfect model shows on 400 rows is noise; what a boastful one shows is not."""
    false_alarms, caught = 0, 0
    for seed in range(60):
        source = np.random.default_rng(seed)
        x = source.normal(size=400)
        p = 1 / (1 + np.exp(-x))
        y = (source.random(400) < p).astype(float)
        honest = calibrate("binary", y, np.column_stack([1 - p, p]))
        assert honest.noise is not None
        assert honest.ece is not None
        assert honest.corrected is not None
        assert honest.corrected.low is not None
        assert honest.corrected.value is not None
        assert honest.corrected.value < honest.ece
        false_alarms += honest.corrected.low > 0
        sure = 1 / (1 + np.exp(-4 * x - 1))
        boastful = calibrate("binary", y, np.column_stack([1 - sure, sure]))
        assert boastful.corrected is not None
        assert boastful.corrected.low is not None
        caught += boastful.corrected.low > 0.05
    assert false_alarms <= 3
    assert caught >= 57


def test_bins_have_intervals_and_equal_answers_are_never_parted() -> None:
    p = np.repeat([0.2, 0.8], [50, 150])
    y = np.concatenate([np.tile([0.0, 0.0, 0.0, 0.0, 1.0], 10), np.ones(150)])
    found = calibrate("binary", y, np.column_stack([1 - p, p]))
    assert [one.rows for one in found.bins] == [50, 150]
    assert found.bins[0].low is not None
    assert found.bins[0].high is not None
    assert found.bins[0].low < 0.2 < found.bins[0].high
    assert found.bins[1].low is not None
    assert 0.9 < found.bins[1].low < 1.0  # 150 of 150 is no proof of always
    assert found.slope is not None
    assert found.scale == 1.0


def test_dependent_rows_widen_the_interval_and_values_have_a_scale() -> None:
    source = np.random.default_rng(3)
    day = np.repeat(np.arange(20), 25)
    y = source.normal(size=500) + 3 * source.normal(size=20)[day]
    alone = calibrate("regression", y, y * 0 + source.normal(size=500))
    together = calibrate("regression", y, y * 0 + source.normal(size=500), clusters=day)
    assert alone.noise is not None
    assert together.noise is not None
    assert together.noise > 1.5 * alone.noise
    assert together.scale == pytest.approx(np.std(y))


def test_one_row_and_constant_answers_are_no_trouble() -> None:
    one = calibrate("binary", np.array([1.0]), np.array([[0.4, 0.6]]))
    assert one.corrected is not None
    assert one.corrected.value is None
    constant = calibrate("binary", np.array([1.0, 0.0] * 10), np.tile([0.5, 0.5], (20, 1)))
    assert len(constant.bins) == 1
    assert constant.ece == 0.0
