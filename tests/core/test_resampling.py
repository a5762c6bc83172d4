from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.resampling import MOST_BLOCKS, day_clusters, interval, resample, tails, time_clusters, wilson

HOUR = np.timedelta64(1, "h")
START = np.datetime64("2024-01-01", "us")


def test_rows_of_one_cluster_share_a_block_whatever_their_order() -> None:
    names = np.array(["b", "a", "b", "c", "a"])
    drawn = resample(5, names)
    assert drawn.count == 3
    assert drawn.block.tolist() == [1, 0, 1, 2, 0]
    shuffled = np.array([4, 2, 0, 3, 1])
    assert resample(5, names[shuffled]).block.tolist() == drawn.block[shuffled].tolist()


def test_many_clusters_are_put_together_evenly_and_none_is_torn() -> None:
    names = np.repeat(np.arange(1000), 3)
    drawn = resample(3000, names)
    assert drawn.count == MOST_BLOCKS
    assert all(len(set(drawn.block[names == name])) == 1 for name in range(1000))
    sizes = np.bincount(drawn.block)
    assert sizes.max() - sizes.min() <= 3


@given(st.integers(1, 600), st.integers(0, 5))
def test_every_draw_takes_as_many_blocks_as_there_are(rows: int, seed: int) -> None:
    weights = resample(rows, seed=seed).weights
    assert weights.shape[1] == min(rows, MOST_BLOCKS)
    assert 3000 <= len(weights) <= 10_000
    assert (weights.sum(axis=1) == weights.shape[1]).all()


def test_no_rows_give_no_blocks() -> None:
    assert resample(0).count == 0


@given(st.floats(-5, 5), st.integers(2, 50), st.integers(0, 99))
def test_an_interval_holds_its_value(value: float, blocks: int, seed: int) -> None:
    found = interval(value, np.random.default_rng(seed).normal(size=200), blocks)
    assert found is not None
    assert found[0] <= value <= found[1]


def test_an_interval_needs_two_blocks_and_defined_draws() -> None:
    assert interval(1.0, np.ones(10), blocks=1) is None
    assert interval(1.0, np.array([1.0, np.nan, np.nan]), blocks=9) is None
    assert interval(1.0, np.array([]), blocks=9) is None


def test_few_blocks_widen_the_tails() -> None:
    assert tails(400, 0.95)[0] == pytest.approx(0.025, abs=0.001)
    assert tails(12, 0.95)[0] < 0.012
    assert tails(2, 0.95)[0] < 1e-30


def test_the_interval_of_a_mean_covers_the_truth_as_often_as_it_says() -> None:
    source = np.random.default_rng(0)
    hits = 0
    for _ in range(400):
        values = source.exponential(size=60)
        drawn = resample(60)
        found = interval(values.mean(), drawn.weights @ drawn.sums(values) / 60, drawn.count)
        assert found is not None
        hits += found[0] <= 1 <= found[1]
    assert 0.90 <= hits / 400 <= 0.98


def test_clustered_rows_get_wider_intervals_than_they_would_alone() -> None:
    source = np.random.default_rng(1)
    days = np.repeat(np.arange(30), 100)
    values = source.normal(size=30)[days] + source.normal(size=3000)

    def width(clusters: np.ndarray | None) -> float:
        drawn = resample(3000, clusters)
        sums, rows = drawn.sums(values), drawn.sums(np.ones(3000))
        found = interval(values.mean(), drawn.weights @ sums / (drawn.weights @ rows), drawn.count)
        assert found is not None
        return found[1] - found[0]

    assert width(days) > 4 * width(None)


def test_ten_days_are_ten_clusters() -> None:
    days = time_clusters(START + np.arange(24 * 10) * HOUR)
    assert days is not None
    assert len(set(days.tolist())) == 10


def test_many_days_are_cut_into_stretches_of_neighbours() -> None:
    stretches = time_clusters(START + np.arange(24 * 365) * HOUR)
    assert stretches is not None
    sizes = np.bincount(stretches)
    assert len(sizes) == 32  # of eleven days and a half
    assert set(sizes.tolist()) <= {24 * 11, 24 * 12}
    assert (np.diff(stretches) >= 0).all()


def test_days_in_two_heaps_far_apart_are_clusters_themselves() -> None:
    heap = np.arange(24 * 6) * HOUR
    days = time_clusters(START + np.concatenate([heap, heap + 24 * 900 * HOUR]))
    assert days is not None
    assert len(set(days.tolist())) == 12


def test_stretches_hold_the_truth_where_a_day_takes_after_the_day_before() -> None:
    """An autoregression of 0.5: days alone cover 0.73, stretches of six days 0.92."""
    source = np.random.default_rng(3)
    day = np.repeat(np.arange(60), 5)
    stretches = time_clusters(START + day * 24 * HOUR)
    hits = 0
    for _ in range(300):
        state = source.normal(size=60)
        for one in range(1, 60):
            state[one] = 0.5 * state[one - 1] + np.sqrt(0.75) * state[one]
        values = state[day]
        drawn = resample(300, stretches)
        sums, rows = drawn.sums(values), drawn.sums(np.ones(300))
        found = interval(values.mean(), drawn.weights @ sums / (drawn.weights @ rows), drawn.count)
        assert found is not None
        hits += found[0] <= 0 <= found[1]
    assert hits / 300 >= 0.88


def test_few_days_are_cut_into_stretches_and_equal_moments_stay_together() -> None:
    moments = START + np.repeat(np.arange(24), 5) * HOUR
    stretches = time_clusters(moments)
    assert stretches is not None
    assert len(set(stretches.tolist())) == 10
    assert all(len(set(stretches[moments == one].tolist())) == 1 for one in moments)


def test_a_handful_of_rows_in_few_days_counts_as_independent() -> None:
    assert time_clusters(START + np.arange(20) * HOUR) is None
    assert time_clusters(np.full(200, START)) is None


def test_twenty_right_of_twenty_is_no_certainty() -> None:
    low, high = wilson(20, 20)
    assert low == pytest.approx(0.839, abs=0.001)
    assert high == 1
    assert wilson(0, 20)[0] == 0
    assert wilson(10, 20, blocks=4)[0] < wilson(10, 20)[0]


DAYS = np.datetime64("2024-01-01") + np.arange(400)


def drawn_days(days: int, paired: bool) -> float:
    return resample(days, DAYS[:days], paired=paired).worth


def test_days_are_drawn_by_windows_and_a_gain_by_shorter_ones() -> None:
    loss, gain = resample(60, DAYS[:60]), resample(60, DAYS[:60], paired=True)
    assert (loss.window, gain.window) == (10, 4)
    assert len(set(loss.apart.tolist())) == 10
    assert len(set(gain.apart.tolist())) == 15
    assert "4 that follow each other together" in gain.method
    # Each draw is made of whole windows, which may begin at any day and go on at the first after the last.
    one = gain.weights[0]
    starts = [place for place in range(60) if one[place] > one[place - 1]]
    assert one.sum() == 4 * round((60 / 4 - 1) * gain.worth / (gain.worth - 1))
    assert all(one[(start + step) % 60] > 0 for start in starts for step in range(4))


def test_few_days_are_drawn_one_by_one_and_many_are_put_together_in_order() -> None:
    assert resample(10, DAYS[:10], paired=True).window == 1
    assert drawn_days(10, paired=True) == 10
    many = resample(400, DAYS, paired=True)
    assert many.count == MOST_BLOCKS
    assert (np.diff(many.block) >= 0).all()
    assert many.window == 2  # of four days: the cube root of 400 is seven and a bit
    assert resample(60, np.arange(60)).window == 1  # clusters that are no days do not follow each other


def test_sums_of_windows_have_the_spread_of_single_blocks() -> None:
    drawn = resample(60, DAYS[:60], paired=True)
    sums = np.random.default_rng(0).normal(size=(60, 4000))
    assert (drawn.joined(sums) ** 2).mean() == pytest.approx(1, abs=0.02)
    assert drawn.joined(np.ones((60, 1)))[0, 0] == 4 / 2


@pytest.mark.parametrize(("paired", "carried"), [(True, 0.25), (False, 0.5)])
def test_windows_hold_the_truth_where_a_day_takes_after_the_day_before(paired: bool, carried: float) -> None:
    source = np.random.default_rng(4)
    drawn = resample(60, DAYS[:60], paired=paired)
    hits = 0
    for _ in range(400):
        state = source.normal(size=60)
        for one in range(1, 60):
            state[one] = carried * state[one - 1] + np.sqrt(1 - carried**2) * state[one]
        found = interval(state.mean(), drawn.weights @ state / drawn.weights.sum(axis=1), drawn.worth)
        assert found is not None
        hits += found[0] <= 0 <= found[1]
    assert 0.9 <= hits / 400 <= 0.98


def test_moments_of_many_days_are_put_to_their_day() -> None:
    moments = START + np.arange(24 * 30) * HOUR
    days = day_clusters(moments)
    assert days is not None
    assert days.dtype == np.dtype("datetime64[D]")
    assert len(np.unique(days)) == 30
    few, stretches = day_clusters(moments[:72]), time_clusters(moments[:72])
    assert few is not None
    assert stretches is not None
    assert few.tolist() == stretches.tolist()
