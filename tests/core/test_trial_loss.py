"""Looking after every label never ends a fair trial too often, and a challenger that is really worse is caught."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.challenge.trial_loss import (
    ALPHA,
    LEAST_PAIRS,
    LEAST_RARE,
    Moments,
    PairedLoss,
    TwoArmLoss,
    judge_failures,
    margin,
    row_loss,
    share_bounds,
)

RUNS, LABELS = 400, 3_000


def ever_above(values: np.ndarray, alpha: float = ALPHA) -> np.ndarray:
    """Per run, whether the lower bound of the mean is above 0 at any look from LEAST_PAIRS on; one look per label."""
    count = np.arange(1, values.shape[1] + 1)
    mean = values.cumsum(1) / count
    deviation = np.sqrt(np.maximum((values**2).cumsum(1) / count - mean**2, 0) * count / np.maximum(count - 1, 1))
    unit = np.array([margin(Moments(int(n), 0.0, float(n - 1)), alpha) for n in count[1:]])
    low = mean[:, 1:] - deviation[:, 1:] * unit
    return np.asarray((low[:, LEAST_PAIRS - 2 :] > 0).any(axis=1))


def log_losses(random: np.random.Generator, noise: float) -> np.ndarray:
    share = np.random.default_rng(5).beta(1, 3, (RUNS, LABELS))
    hits = np.random.default_rng(6).random((RUNS, LABELS)) < share
    shown = 1 / (1 + np.exp(-(np.log(share / (1 - share)) + random.normal(0, noise, share.shape))))
    return np.asarray(-np.log(np.clip(np.where(hits, shown, 1 - shown), 1e-6, 1)))


def test_a_challenger_at_the_limit_is_ended_in_at_most_one_trial_of_twenty() -> None:
    random = np.random.default_rng(0)
    champion, challenger = log_losses(random, 0.3), log_losses(random, 1.5)
    limit = challenger.mean() / champion.mean()  # so the challenger is exactly as bad as is allowed
    assert ever_above(challenger - limit * champion).mean() <= ALPHA
    errors, others = random.normal(size=(2, RUNS, LABELS))
    assert ever_above(1.1 * others**2 - 1.1 * errors**2).mean() <= ALPHA


def test_a_challenger_as_good_as_the_champion_is_left_alone() -> None:
    random = np.random.default_rng(1)
    assert ever_above(log_losses(random, 0.5) - 1.1 * log_losses(random, 0.5)).mean() <= 0.01


def test_a_challenger_half_as_bad_again_is_caught() -> None:
    random = np.random.default_rng(2)
    champion, challenger = log_losses(random, 0.3), log_losses(random, 1.5)
    worse = challenger * (1.5 * champion.mean() / challenger.mean())
    assert ever_above(worse - 1.1 * champion).mean() >= 0.95


@pytest.mark.parametrize("factor", [1.1, 1.5])
def test_two_arms_are_judged_alike(factor: float) -> None:
    random = np.random.default_rng(3)
    ended = []
    for _ in range(60):
        loss = TwoArmLoss(max_loss=0.1)
        worse = False
        for row, (error, arm) in enumerate(zip(random.normal(size=4_000), random.random(4_000), strict=True)):
            taken = "challenger" if arm < 0.3 else "champion"
            loss.add(taken, error**2 * (factor if taken == "challenger" else 1))
            if row % 50 == 0 and loss.finding().worse:
                worse = True
                break
        ended.append(worse)
    assert np.mean(ended) <= 0.05 if factor == 1.1 else np.mean(ended) >= 0.7


def test_pairs_say_what_was_seen() -> None:
    loss = PairedLoss(0.1)
    for row in range(LEAST_PAIRS):
        assert not loss.finding().worse
        loss.add(1.0, 2.0 + row % 2 / 10)
    found = loss.finding()
    assert found.worse
    assert (found.champion, found.labels) == (1.0, (100, 100))
    assert found.excess is not None
    assert 0 < found.excess < 1.05


def test_before_the_rare_class_comes_nothing_is_judged() -> None:
    paired, arms = PairedLoss(0.1), TwoArmLoss(0.1)
    for row in range(400):
        paired.add(1.0, 3.0 + row % 2, 0.0)
        arms.add("champion", 1.0, 0.0)
        arms.add("challenger", 3.0, 0.0)
    assert not paired.finding().worse
    assert not arms.finding().worse
    for _ in range(LEAST_RARE):
        paired.add(1.0, 3.0, 1.0)
        arms.add("champion", 1.0, 1.0)
        arms.add("challenger", 3.0, 1.0)
    assert paired.finding().worse
    assert arms.finding().worse


@given(st.lists(st.floats(0, 20), min_size=1, max_size=300))
def test_the_same_losses_never_end_a_trial(losses: list[float]) -> None:
    paired = PairedLoss(0.1)
    for loss in losses:
        paired.add(loss, loss)
    assert not paired.finding().worse


@given(st.integers(0, 2_000), st.integers(0, 2_000))
def test_bounds_hold_the_share_that_was_seen(one: int, other: int) -> None:
    failed, answers = sorted((one, other))
    low, high = share_bounds(answers, failed, 0.05)
    assert 0 <= low <= high <= 1
    if answers:
        assert low <= failed / answers <= high


def test_equal_shares_of_failures_end_few_trials() -> None:
    random = np.random.default_rng(4)
    ended = 0
    for _ in range(200):
        failures = random.random((2, 1_000)) < 0.05
        sums = failures.cumsum(axis=1)
        looks = range(10, 1_000, 10)
        ended += any(judge_failures((n, int(sums[0][n])), (n, int(sums[1][n])), 0.0).worse for n in looks)
    assert ended / 200 <= ALPHA


def test_a_challenger_that_fails_is_caught_soon() -> None:
    assert judge_failures((90, 0), (10, 10), 0.01).worse
    assert judge_failures((1_000, 1), (200, 20), 0.01).worse
    assert not judge_failures((1_000, 1), (200, 2), 0.01).worse
    assert not judge_failures((0, 0), (0, 0), 0.01).worse
    assert judge_failures((0, 0), (20, 20), 0.01).worse
    assert not judge_failures((0, 0), (20, 1), 0.01).worse


def test_a_row_loss_is_finite() -> None:
    assert row_loss("binary", 0.0, [0.0, 1.0]) < 14
    assert row_loss("multiclass", 2.0, [0.0, 0.0, 1.0]) == 0
