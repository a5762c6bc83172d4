from __future__ import annotations

import numpy as np
import pytest

from pipelines.core.watching.detector import Series, gather


def blocks(mean: np.ndarray, variance: float = 1.0, skew: float = 0.0, between: float = 0.0) -> Series:
    every = np.ones(len(mean))
    return Series(mean, variance * every, skew * every, between * every)


def test_no_false_alarm_within_the_time_that_the_threshold_names() -> None:
    """At the tolerance itself, the worst case, the mean time to an alarm of 200 is 200 blocks or more."""
    source = np.random.default_rng(0)
    times = []
    for _ in range(60):
        log = gather(blocks(1.0 + source.standard_normal(400)), tolerance=1.0, unit=0.5).log
        over = np.flatnonzero(log >= np.log(200))
        times.append(over[0] if len(over) else 400)
    assert np.mean(times) >= 200


def test_rare_large_jumps_make_no_alarm_either() -> None:
    """Means of 100 rows with 2% positives are skewed: a Gaussian test would be alarmed by its long tail."""
    source = np.random.default_rng(1)
    share = 0.02
    means = (source.binomial(100, share, (40, 500)) / 100 - share) * 4
    variance, skew = 16 * share * (1 - share) / 100, 64 * share * (1 - share) * (1 - 2 * share) / 100**2
    alarms = sum(bool((gather(blocks(one, variance, skew), 0.02, 0.02).log >= np.log(730)).any()) for one in means)
    assert alarms <= 4


@pytest.mark.parametrize(("effect", "within"), [(1.5, 25), (4.0, 5), (20.0, 1)])
def test_the_larger_the_harm_the_sooner(effect: float, within: int) -> None:
    source = np.random.default_rng(2)
    means = np.concatenate([source.standard_normal(30), effect + source.standard_normal(30)])
    found = gather(blocks(means), tolerance=0.5, unit=0.5)
    late = int(np.flatnonzero(found.log >= np.log(700))[0]) - 30
    assert 0 <= late < within
    assert abs(int(found.since[-1]) - 30) <= 6


def test_variance_between_blocks_weakens_the_evidence() -> None:
    means = np.full(5, 3.0)
    sure, unsure = (gather(blocks(means, 0.1, between=one), 0.5, 0.5).log[-1] for one in (0.0, 4.0))
    assert unsure < sure


def test_counting_begins_where_it_is_told() -> None:
    found = gather(blocks(np.full(6, 5.0)), 0.5, 0.5, first=4)
    assert np.isneginf(found.log[:4]).all()
    assert found.since[-1] == 4
