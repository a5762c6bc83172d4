"""The score of one column alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from pipelines.core.solo_score import carried_score, roc_auc, solo_score

RNG = np.random.default_rng(3)


def test_it_is_out_of_sample() -> None:
    truth = RNG.integers(0, 2, 600).astype(float)
    by_heart = np.arange(600, dtype=np.int64)  # a category of its own for each row
    assert abs(solo_score(by_heart, truth, "binary") - 0.5) < 0.1
    assert abs(solo_score(RNG.normal(size=600), truth, "binary") - 0.5) < 0.1


@pytest.mark.parametrize("rows", [60, 600, 20_000])
def test_any_shape_is_seen(rows: int) -> None:
    x = RNG.normal(size=rows)
    assert solo_score(x, (np.abs(x) > 1).astype(float), "binary") > 0.97
    assert solo_score(x, np.argsort(np.argsort(x)) / rows, "regression") > 0.97
    assert solo_score(x, np.digitize(x, [-1, 1]).astype(float), "multiclass") > (0.8 if rows == 60 else 0.97)


def test_missing_is_a_value_of_its_own() -> None:
    truth = RNG.integers(0, 2, 500).astype(float)
    holes = np.where(truth == 1, np.nan, RNG.normal(size=500))
    assert solo_score(holes, truth, "binary") == 1.0
    assert solo_score(np.full(500, np.nan), truth, "binary") < 0.6


def test_noise_around_a_step_is_no_disadvantage() -> None:
    truth = RNG.integers(0, 2, 600).astype(float)
    x = truth + RNG.normal(size=600) * 0.45
    assert abs(solo_score(x, truth, "binary") - roc_auc(truth, x)) < 0.03


@given(st.integers(0, 2**32 - 1), st.integers(2, 50))
def test_roc_auc_is_that_of_scikit_learn(seed: int, rows: int) -> None:
    rng = np.random.default_rng(seed)
    truth, scores = rng.integers(0, 2, rows).astype(float), rng.integers(0, 5, rows).astype(float)
    truth[:2] = [0, 1]
    assert roc_auc(truth, scores) == pytest.approx(roc_auc_score(truth, scores))


def test_what_is_carried_over_is_learnt_from_the_others_alone() -> None:
    source = np.random.default_rng(5)
    x, held = source.normal(size=600), np.arange(600) >= 300
    y = (x > 0).astype(float)
    assert carried_score(x, y, "binary", held) > 0.97
    turned = np.where(held, 1 - y, y)  # what was learnt no longer holds
    assert carried_score(x, turned, "binary", held) < 0.03
    names = np.arange(600).astype(np.int64)  # never seen before
    assert carried_score(names, y, "binary", held) == 0.5
