from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.chance import Chance, categorical_chance, discovery_rate, numeric_chance

CHANCES = st.one_of(
    st.builds(Chance, st.floats(0, 1), st.floats(1e-3, 1)),
    st.builds(Chance, st.just(0.0), st.floats(1e-3, 1), st.integers(1, 40)),
)


@given(chance=CHANCES, rate=st.floats(1e-8, 0.4))
def test_the_p_value_undoes_the_noise(chance: Chance, rate: float) -> None:
    assert chance.p_value(chance.noise(rate)) == pytest.approx(rate, rel=1e-6)


def test_a_constant_is_not_moved_by_chance() -> None:
    chance = numeric_chance(np.ones(50), 50, 50)
    assert (chance.noise(0.01), chance.p_value(0.0), chance.p_value(0.1)) == (0.0, 1.0, 0.0)


def test_more_rows_leave_less_to_chance() -> None:
    ordered = np.sort(np.random.default_rng(0).normal(size=500))
    assert numeric_chance(ordered, 500, 5000).noise(0.01) < numeric_chance(ordered, 500, 100).noise(0.01)
    assert categorical_chance(5, 500, 5000).noise(0.01) < categorical_chance(5, 500, 100).noise(0.01)


@given(p=st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_what_is_found_is_a_few_of_the_smallest(p: list[float]) -> None:
    rate = discovery_rate(np.array(p), 0.05)
    assert 0 < rate <= 0.05
    alone = discovery_rate(np.array([*p, 1.0]), 0.05)
    assert sum(one <= alone for one in p) <= sum(one <= rate for one in p)  # one more calm column finds no more


def test_false_discoveries_are_held_over_columns() -> None:
    """20 drifted and 80 calm columns: of those found at most a twentieth are calm, on average."""
    rng, wrong = np.random.default_rng(0), []
    for _ in range(200):
        p = np.concatenate([np.full(20, 1e-9), rng.random(80)])
        found = p <= discovery_rate(p, 0.05)
        assert found[:20].all()
        wrong.append(found[20:].sum() / found.sum())
    assert np.mean(wrong) <= 0.05


def test_no_column_leaves_the_level_as_it_is() -> None:
    assert discovery_rate(np.array([]), 0.01) == 0.01
