from __future__ import annotations

import numpy as np
import pytest

from pipelines.core.watching.dispersion import between_blocks

NOTHING = (np.zeros(0), np.zeros(0))


def draw(days: int, spread: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    source = np.random.default_rng(seed)
    return spread * source.standard_normal(days) + 0.1 * source.standard_normal(days), np.full(days, 0.01)


@pytest.mark.parametrize("spread", [0.0, 0.3, 1.0])
def test_the_variance_between_days_is_found(spread: float) -> None:
    found = between_blocks(draw(60, spread), draw(60, spread, 1), guess=0.2)[-1]
    assert found == pytest.approx(spread**2, rel=0.5, abs=0.005)


def test_without_a_reference_the_guess_is_the_beginning() -> None:
    found = between_blocks(NOTHING, draw(40, 1.0), guess=0.2)
    assert found[0] == pytest.approx(0.04)
    assert found[-1] > 0.3


def test_a_change_of_level_is_no_variance() -> None:
    means, variances = draw(40, 0.0)
    means[20:] += 5.0
    assert between_blocks(draw(40, 0.0, 2), (means, variances), guess=0.1)[-1] < 0.02


def test_what_comes_later_is_not_known_yet() -> None:
    means, variances = draw(40, 0.5)
    changed = means.copy()
    changed[20:] *= 7
    before, after = (between_blocks(NOTHING, (one, variances), 0.1) for one in (means, changed))
    assert (before[:21] == after[:21]).all()


def test_luck_that_is_carried_over_counts_for_more() -> None:
    source = np.random.default_rng(3)
    luck = [0.0]
    for step in source.standard_normal(100):
        luck.append(0.7 * luck[-1] + step)
    carried, free = np.array(luck[1:]), source.permutation(luck[1:])
    few = np.full(100, 0.01)
    assert between_blocks((carried, few), draw(2, 0), 1.0)[0] > 1.5 * between_blocks((free, few), draw(2, 0), 1.0)[0]
