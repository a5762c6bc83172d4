from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr
from sklearn import metrics as sk

from benchmarks.decisions.truths import (
    KINDS_OF_NOISE,
    binary_truth,
    cut_for,
    known_for,
    regression_truth,
)


@pytest.mark.parametrize("positive", [0.5, 0.03])
def test_integrals_are_what_a_huge_sample_shows(positive: float) -> None:
    source = np.random.default_rng(0)
    known, rows = 0.43, 1_000_000
    guess = np.sqrt(known) * source.standard_normal(rows)
    y = guess + np.sqrt(1 - known) * source.standard_normal(rows) > cut_for(positive)
    p = ndtr((guess - cut_for(positive)) / np.sqrt(1 - known))
    true = binary_truth(positive, known)
    assert true["log_loss"] == pytest.approx(sk.log_loss(y, p), rel=0.01)
    assert true["brier"] == pytest.approx(np.mean((p - y) ** 2), rel=0.01)
    assert true["roc_auc"] == pytest.approx(sk.roc_auc_score(y, p), abs=0.003)
    assert true["accuracy"] == pytest.approx(np.mean((p > 0.5) == y), abs=0.002)
    assert true["precision"] == pytest.approx(y[p > 0.5].mean(), abs=0.02)
    assert true["recall"] == pytest.approx((p > 0.5)[y].mean(), abs=0.005)
    assert true["f1"] == pytest.approx(sk.f1_score(y, p > 0.5), abs=0.01)


def test_the_noise_of_a_regression_has_variance_one() -> None:
    assert sum(share * size**2 for share, size in KINDS_OF_NOISE) == pytest.approx(1)
    assert sum(share for share, _ in KINDS_OF_NOISE) == 1


def test_what_must_be_known_is_found_again() -> None:
    assert binary_truth(0.03, known_for(0.03, "log_loss", 0.11))["log_loss"] == pytest.approx(0.11)
    assert regression_truth(known_for(None, "rmse", 0.7), 0.3)["rmse"] == pytest.approx(0.7)
