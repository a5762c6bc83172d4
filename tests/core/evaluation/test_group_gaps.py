"""Gaps between groups: the interval holds the true gap, however many groups there are."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.core.evaluation.group_gaps import GroupRates, largest_gap


@pytest.mark.parametrize("groups", [2, 6])
@pytest.mark.parametrize("true", [0.0, 0.3])
def test_the_interval_holds_the_true_gap(groups: int, true: float) -> None:
    source = np.random.default_rng(groups)
    truth = np.zeros(groups)
    truth[0] = true
    held = 0
    for _ in range(200):
        seen = truth + source.normal(size=groups) * 0.1
        draws = seen + source.normal(size=(400, groups)) * 0.1
        gap = largest_gap([GroupRates(np.vstack([seen, draws]))], 200, 0.95)
        assert gap.low is not None
        assert gap.high is not None
        held += gap.low <= true <= gap.high
    assert held >= 184


def test_shares_of_none_are_no_proof() -> None:
    """Nobody of twenty in one group, all of twenty in the other: every draw says so, and it is still not certain."""
    rates = np.tile([0.0, 1.0], (101, 1))
    gap = largest_gap([GroupRates(rates, np.array([20.0, 20.0]))], 40, 0.95)
    assert gap.value == 1.0
    assert gap.low is not None
    assert 0.7 < gap.low < 0.9
    half = np.column_stack([np.zeros(101), np.r_[0.5, np.random.default_rng(0).normal(0.5, 0.1, 100)]])
    with_floor = largest_gap([GroupRates(half, np.array([20.0, 20.0]))], 40, 0.95)
    without = largest_gap([GroupRates(half)], 40, 0.95)
    assert with_floor.high is not None
    assert without.high is not None
    assert with_floor.high >= without.high - 1e-9


def test_nothing_to_compare_is_said() -> None:
    assert "fewer than two groups" in str(largest_gap([GroupRates(np.ones((5, 1)))], 40, 0.95).reason)
    unknown = np.vstack([[np.nan, 0.5], np.full((5, 2), 0.5)])
    assert "no row that tells" in str(largest_gap([GroupRates(unknown)], 40, 0.95).reason)
    seldom = np.vstack([[0.2, 0.5], np.full((5, 2), np.nan)])
    assert "too few rows" in str(largest_gap([GroupRates(seldom)], 40, 0.95).reason)
