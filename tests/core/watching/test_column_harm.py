from __future__ import annotations

from collections.abc import Sized

import numpy as np
import pytest

from pipelines.core.comparison import make_sample
from pipelines.core.watching.column_harm import estimate_harm, loss_profile

RNG = np.random.default_rng(0)


def blocks(rows: Sized) -> np.ndarray:
    return np.arange(len(rows)) % 20


def test_a_shift_to_where_the_release_is_bad_costs_what_it_costs() -> None:
    """Loss rises by 1 for each unit of x: rows half a unit further cost half a unit more."""
    x = RNG.uniform(0, 4, 20_000)
    profile = loss_profile(make_sample("numeric", x), x, blocks(x), blind_loss=5.0)
    before = profile.counts(make_sample("numeric", x))
    moved = estimate_harm(profile, before, profile.counts(make_sample("numeric", np.clip(x + 0.5, 0, 3.9))), 0.01)
    assert moved.whole == pytest.approx(0.45, abs=0.1)
    assert moved.whole > moved.doubt
    assert moved.blind == 0


def test_the_same_rows_do_no_harm_and_others_of_the_population_little() -> None:
    x, losses = RNG.normal(size=4000), RNG.exponential(size=4000)
    profile = loss_profile(make_sample("numeric", x), losses, blocks(x), 1.0)
    before = profile.counts(make_sample("numeric", x))
    assert estimate_harm(profile, before, before, 0.01).whole == pytest.approx(0)
    harms = [
        estimate_harm(profile, before, profile.counts(make_sample("numeric", RNG.normal(size=500))), 0.01)
        for _ in range(100)
    ]
    assert sum(one.whole > one.doubt for one in harms) <= 3


def test_a_category_that_became_frequent_and_one_never_seen() -> None:
    values = np.array(["a"] * 900 + ["b"] * 95 + ["rare"] * 5, dtype=object)
    losses = np.where(values == "b", 2.0, 0.5)
    profile = loss_profile(
        make_sample("categorical", values), losses, blocks(values), blind_loss=0.9, seen=["a", "b", "rare", "d"]
    )
    before = profile.counts(make_sample("categorical", values))
    more = estimate_harm(profile, before, profile.counts(make_sample("categorical", ["b"] * 500)), 0.01)
    assert 0.7 < more.whole < 1.5  # 1.36, shrunk since few rows say it
    new = estimate_harm(profile, before, profile.counts(make_sample("categorical", ["new"] * 500)), 0.01)
    assert new.blind == pytest.approx(new.whole, abs=0.02) == pytest.approx(0.26, abs=0.05)
    known = profile.counts(make_sample("categorical", ["d"] * 500))
    assert known[-1] == 0  # seen in training, only not in this sample


def test_what_is_missing_costs_what_it_did_or_what_knowing_nothing_costs() -> None:
    x = RNG.normal(size=2000)
    profile = loss_profile(make_sample("numeric", x), np.full(2000, 0.4), blocks(x), blind_loss=0.6)
    before = profile.counts(make_sample("numeric", x))
    gone = estimate_harm(profile, before, profile.counts(make_sample("numeric", np.full(100, np.nan))), 0.01)
    assert gone.whole == gone.blind == pytest.approx(0.2)
    half = np.where(np.arange(2000) % 2 == 0, x, np.nan)
    profile = loss_profile(make_sample("numeric", half), np.full(2000, 0.4), blocks(x), blind_loss=0.6)
    before = profile.counts(make_sample("numeric", half))
    gone = estimate_harm(profile, before, profile.counts(make_sample("numeric", np.full(100, np.nan))), 0.01)
    assert gone.whole == pytest.approx(0)  # the reference shows that it does no harm


def test_values_outside_the_range_are_never_seen() -> None:
    x = RNG.uniform(0, 1, 1000)
    profile = loss_profile(make_sample("numeric", x), np.full(1000, 0.4), blocks(x), 0.6, span=(-1.0, 2.0))
    assert profile.counts(make_sample("numeric", [-2.0, -0.5, 1.5, 3.0, None]))[-2:].tolist() == [1, 2]


def test_rows_of_one_day_share_their_luck() -> None:
    """Where x follows the day and the day's luck makes the loss, twelve days say little of what x costs."""
    sure, days = 0, np.repeat(np.arange(12), 300)
    for seed in range(60):
        rng = np.random.default_rng(seed)
        x, losses = rng.normal(size=12)[days], 0.5 + 0.2 * rng.normal(size=12)[days]
        x = x + 0.2 * rng.normal(size=len(x))
        profile = loss_profile(make_sample("numeric", x), losses, days, 0.5)
        now = profile.counts(make_sample("numeric", np.quantile(x, 0.85) + 0.1 * rng.normal(size=500)))
        found = estimate_harm(profile, profile.counts(make_sample("numeric", x)), now, 0.05)
        sure += found.whole - found.doubt > 0.05
    assert sure <= 6


@pytest.mark.parametrize("values", [[None] * 40, [1.0] * 40])
def test_nothing_to_bin_is_no_reason_to_fail(values: list[object]) -> None:
    profile = loss_profile(make_sample("numeric", values), np.full(40, 0.4), blocks(values), 0.6)
    before = profile.counts(make_sample("numeric", values))
    assert estimate_harm(profile, before, before, 0.01).whole == 0
    assert estimate_harm(profile, before, np.zeros_like(before), 0.01).whole == 0
