from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

from pipelines.core.watching.reliability import fit_reliability


@pytest.mark.parametrize("classes", [2, 4])
def test_the_line_that_the_labels_follow_is_found(classes: int) -> None:
    source = np.random.default_rng(0)
    said = softmax(1.5 * source.standard_normal((20_000, classes)), axis=1)
    bias = np.linspace(0, 0.6, classes)
    true = softmax(0.6 * np.log(said) + bias, axis=1)
    came = np.minimum((source.random(len(said))[:, None] > np.cumsum(true, axis=1)).sum(axis=1), classes - 1)
    found = fit_reliability(said, came)
    assert found is not None
    assert found.slope == pytest.approx(0.6, abs=0.05)
    assert np.abs(found.recalibrated(said) - true).max() < 0.03


def test_recalibrated_the_shares_are_those_that_came() -> None:
    source = np.random.default_rng(1)
    said = softmax(source.standard_normal((3000, 2)), axis=1)
    came = (source.random(3000) < 0.05 + 0.1 * said[:, 1]).astype(int)
    found = fit_reliability(said, came)
    assert found is not None
    assert found.recalibrated(said).mean(axis=0)[1] == pytest.approx(came.mean(), rel=0.1)


@pytest.mark.parametrize("came", [np.zeros(500, dtype=int), np.arange(100) % 2, np.r_[np.zeros(500), 1].astype(int)])
def test_too_few_labels_of_a_class_leave_the_answers_as_they_are(came: np.ndarray) -> None:
    assert fit_reliability(np.full((len(came), 2), 0.5), came) is None


def test_sure_answers_do_no_damage() -> None:
    said = np.tile([[1.0, 0.0], [0.0, 1.0]], (300, 1))
    found = fit_reliability(said, np.tile([0, 1], 300))
    assert found is None or np.isfinite(found.recalibrated(said)).all()
