from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.evaluation.evidence import Evidence
from pipelines.core.evaluation.slice_harm import harm, holm, judge_slices, judged_on
from pipelines.core.problem import Problem


def problem(**good_enough: Any) -> Problem:
    data = {"source": "x.csv", "target": "y"}
    return Problem.model_validate({"name": "x", "data": data, "good_enough": good_enough})


def made(rows: int, loss: float, seed: int = 0) -> Evidence:
    """A regression whose candidate is off by `loss` more than the champion in slice a only."""
    source = np.random.default_rng(seed)
    y, error, noise = source.normal(size=(3, rows))
    where = np.arange(rows) % 5 == 0
    theirs = y + error
    ours = y + error * np.where(where, 1 + loss, 1.0) + 0.1 * noise
    slices = {"place": np.where(where, "a", "b").astype(object)}
    return Evidence(np.arange(rows), y, ours, np.zeros(rows), theirs, slices=slices)


def test_a_harmed_slice_is_told_from_an_unharmed_one() -> None:
    harmed, calm = judge_slices(problem(), "regression", made(2000, 0.4))
    assert (harmed.value, harmed.judged_on, harmed.rows) == ("a", "rmse", 400)
    assert harmed.harmed(0.05)
    assert not calm.harmed(0.05)
    assert harmed.gain is not None
    assert harmed.gain.high is not None
    assert harmed.gain.high < 0


def test_a_loss_within_the_margin_is_no_harm_however_credible() -> None:
    found = judge_slices(problem(slice_margin=0.6), "regression", made(2000, 0.4))[0]
    assert found.p_value is not None
    assert found.p_value < 0.01
    assert not found.harmed(0.05)


def test_an_unharmed_slice_is_rarely_blamed() -> None:
    blamed = 0
    for seed in range(60):
        blamed += any(
            one.harmed(0.05) for one in judge_slices(problem(slice_margin=0), "regression", made(200, 0, seed))
        )
    assert blamed <= 8


def test_too_few_rows_and_odd_answers_are_not_judged() -> None:
    small = harm(problem(), "regression", made(19, 0.0))
    assert "not judged" in str(small.excess.reason)
    odd = made(100, 0.0)
    odd.candidate[0] = np.nan
    assert "not finite" in str(harm(problem(), "regression", odd).excess.reason)
    alone = Evidence(**{**made(100, 0.0).__dict__, "champion": None})
    assert all(one.p_value is None and one.gain is None for one in judge_slices(problem(), "regression", alone))


@pytest.mark.parametrize(
    ("metric", "positives", "wanted"),
    [("roc_auc", 9, "log_loss"), ("roc_auc", 10, "roc_auc"), ("f1", 0, "accuracy"), ("brier", 0, "brier")],
)
def test_a_metric_that_rare_classes_leave_undefined_is_stood_in_for(metric: str, positives: int, wanted: str) -> None:
    y = (np.arange(100) < positives).astype(float)
    assert judged_on(metric, "binary", y) == wanted
    assert judged_on("r2", "regression", np.ones(9)) == "mse"


@given(st.lists(st.floats(0, 1), max_size=12))
def test_corrected_p_values_keep_their_order_and_never_shrink(p_values: list[float]) -> None:
    found = holm(list(p_values))
    for one, other in zip(p_values, found, strict=True):
        assert other is not None
        assert one <= other <= 1
    order = np.argsort(p_values, kind="stable")
    assert np.all(np.diff([found[place] or 0.0 for place in order]) >= 0)
