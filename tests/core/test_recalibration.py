"""Recalibration: the line is statsmodels' and scikit-learn's, and its interval covers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit

from pipelines.core.recalibration import recalibrate


def test_the_logistic_line_and_its_clustered_interval_are_those_of_statsmodels() -> None:
    import statsmodels.api as sm

    source = np.random.default_rng(0)
    block = np.repeat(np.arange(60), 20)
    x = source.normal(size=1200) + source.normal(size=60)[block]
    said, came = expit(1.5 * x - 0.3), (source.random(1200) < expit(x)).astype(float)
    slope, intercept = recalibrate(said, came, block, logistic=True)
    model = sm.Logit(came, sm.add_constant(logit(said)))
    fit = model.fit(disp=False, cov_type="cluster", cov_kwds={"groups": block})
    assert [intercept.value, slope.value] == pytest.approx(fit.params, abs=1e-6)
    assert slope.low is not None
    assert slope.high is not None
    assert (slope.high - slope.low) / 2 / fit.bse[1] == pytest.approx(2.0, abs=0.05)  # t of 58 degrees of freedom


def test_values_are_put_on_a_straight_line() -> None:
    source = np.random.default_rng(1)
    said = source.normal(size=400) * 1e6 + 1e8
    slope, intercept = recalibrate(said, 3 + 0.5 * said + source.normal(size=400), np.arange(400), logistic=False)
    assert slope.value == pytest.approx(0.5)
    assert intercept.low is not None
    assert intercept.high is not None
    assert intercept.low < 3 < intercept.high


@pytest.mark.parametrize(
    ("said", "came", "reason"),
    [
        ([0.5] * 8, [0.0, 1.0] * 4, "all answers are the same"),
        ([0.1, 0.2, 0.8, 0.9, 0.95], [1.0] * 5, "every row came out the same"),
        ([0.1, 0.2, 0.3, 0.8, 0.9, 0.95], [0.0, 0.0, 0.0, 1.0, 1.0, 1.0], "part the classes perfectly"),
        ([0.1, 0.9], [0.0, 1.0], "too few rows"),
    ],
)
def test_where_there_is_no_line_it_is_said(said: list[float], came: list[float], reason: str) -> None:
    slope, intercept = recalibrate(np.array(said), np.array(came), np.arange(len(said)), logistic=True)
    assert slope.value is None
    assert reason in (slope.reason or "")
    assert intercept.reason == slope.reason


def test_the_slope_of_a_calibrated_model_is_covered() -> None:
    held = 0
    for seed in range(200):
        source = np.random.default_rng(seed)
        p = expit(source.normal(size=400))
        slope, _ = recalibrate(p, (source.random(400) < p).astype(float), np.arange(400), logistic=True)
        assert slope.low is not None
        assert slope.high is not None
        held += slope.low <= 1 <= slope.high
    assert 182 <= held <= 198
