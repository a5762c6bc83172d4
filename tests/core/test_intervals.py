from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.intervals import Scale, scaled_interval, share_interval, standard_error
from pipelines.core.resampling import interval, resample, wilson


@given(st.sampled_from(["log", "logit", "rest"]), st.floats(-2, 3), st.integers(2, 60), st.integers(0, 50))
def test_an_interval_holds_its_value_and_stays_on_its_scale(scale: Scale, value: float, blocks: int, seed: int) -> None:
    found = scaled_interval(value, value + np.random.default_rng(seed).normal(size=99), blocks, 0.95, scale)
    assert found is not None
    assert found[0] <= value <= found[1]
    if blocks >= 5 and scale == "logit" and 0 < value < 1:
        assert 0 <= found[0] <= found[1] <= 1
    if blocks >= 5 and scale == "log" and value > 0:
        assert found[0] >= 0


def test_few_blocks_and_a_scales_end_have_percentiles() -> None:
    replicates = np.linspace(0.1, 0.9, 101)
    assert scaled_interval(0.5, replicates, 4, 0.95, "logit") == interval(0.5, replicates, 4)
    assert scaled_interval(1.0, replicates, 40, 0.95, "logit") == interval(1.0, replicates, 40)
    assert scaled_interval(0.0, np.zeros(9), 40, 0.95, "log") == (0, 0)
    assert scaled_interval(0.5, np.full(9, np.nan), 40, 0.95, "log") is None


def test_a_spread_that_knows_no_bound_stays_finite() -> None:
    found = scaled_interval(1e-9, np.array([0.0, 10.0]), 9, 0.95, "log")
    assert found is not None
    assert np.isfinite(found).all()


def test_lone_rows_are_counted_as_wilson_does() -> None:
    assert share_interval(3, 20, np.array([0.1, 0.2]), resample(20), 0.95) == wilson(3, 20)


def test_few_hits_of_rows_that_go_together_are_worth_less() -> None:
    drawn = resample(400, np.arange(400) // 20)
    spread = np.random.default_rng(0).normal(0.02, 0.02, 2000)
    found = share_interval(8, 400, spread, drawn, 0.95)
    assert found is not None
    alone = wilson(8, 400)
    assert found[0] < alone[0] < alone[1] < found[1]


def test_rows_of_clusters_are_never_worth_more_than_alone() -> None:
    drawn = resample(400, np.arange(400) // 20)
    assert share_interval(8, 400, np.full(9, 0.02), drawn, 0.95) == wilson(8, 400)
    assert share_interval(8, 400, np.full(9, np.nan), drawn, 0.95) is None


def test_many_hits_and_misses_go_by_the_spread_of_the_clusters() -> None:
    drawn = resample(400, np.arange(400) // 20)
    spread = np.random.default_rng(0).normal(0.5, 0.01, 2000)
    found = share_interval(200, 400, spread, drawn, 0.95)
    assert found == scaled_interval(0.5, spread, 20, 0.95, "logit")


def test_the_standard_error_of_few_blocks_is_mended() -> None:
    assert standard_error(np.array([1.0, 3.0]), 5) == pytest.approx(np.sqrt(5 / 4))


@pytest.mark.parametrize("shape", [0.25, 3.0])
def test_means_of_skewed_losses_are_covered_as_often_as_said(shape: float) -> None:
    source = np.random.default_rng(2)
    drawn = resample(200)
    rows = drawn.weights @ drawn.sums(np.ones(200))
    hits = 0
    for _ in range(400):
        values = source.gamma(shape, size=200)
        found = scaled_interval(
            float(values.mean()), drawn.weights @ drawn.sums(values) / rows, drawn.count, 0.95, "log"
        )
        assert found is not None
        hits += found[0] <= shape <= found[1]
    assert 0.91 <= hits / 400 <= 0.98
