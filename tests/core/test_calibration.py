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
