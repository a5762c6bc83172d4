from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.comparison import KEPT_CATEGORIES, OTHER, distance, make_pair, sample_rows

MESSY = st.one_of(
    st.none(),
    st.floats(allow_nan=True, allow_infinity=True, width=64),
    st.integers(-(10**6), 10**6),
    st.booleans(),
)
TEXTS = st.one_of(st.none(), st.sampled_from(["a", "b", "ä [x]", "", "12"]), st.text(max_size=3))


@given(values=st.lists(MESSY, max_size=60))
def test_a_numeric_sample_never_drifts_from_itself(values: list[object]) -> None:
    pair = make_pair("x", "numeric", values, values, 0.1)
    score = distance(pair)
    assert score is None or score <= 1e-9 <= pair.bar


@given(values=st.lists(TEXTS, max_size=60))
def test_a_categorical_sample_never_drifts_from_itself(values: list[object]) -> None:
    score = distance(make_pair("x", "categorical", values, values, 0.1))
    assert score is None or score <= 1e-7


@given(
    reference=st.lists(MESSY, max_size=40),
    current=st.lists(MESSY, max_size=40),
    shuffled=st.randoms(use_true_random=False),
)
def test_the_order_of_rows_changes_nothing_numeric(reference: list, current: list, shuffled) -> None:
    before = make_pair("x", "numeric", reference, current, 0.1)
    reference, current = list(reference), list(current)
    shuffled.shuffle(reference)
    shuffled.shuffle(current)
    after = make_pair("x", "numeric", reference, current, 0.1)
    assert (distance(before), before.noise, before.note) == (distance(after), after.noise, after.note)


@given(
    reference=st.lists(TEXTS, max_size=40),
    current=st.lists(TEXTS, max_size=40),
    shuffled=st.randoms(use_true_random=False),
)
def test_the_order_of_rows_changes_nothing_categorical(reference: list, current: list, shuffled) -> None:
    before = make_pair("x", "categorical", reference, current, 0.1)
    reference, current = list(reference), list(current)
    shuffled.shuffle(reference)
    shuffled.shuffle(current)
    after = make_pair("x", "categorical", reference, current, 0.1)
    assert (distance(before), before.noise, before.note) == (distance(after), after.noise, after.note)


@pytest.mark.parametrize("bad", [[None] * 5, [np.nan] * 5, [np.inf] * 5, [], ["text"] * 5])
def test_a_column_without_values_gets_a_note(bad: list) -> None:
    pair = make_pair("x", "numeric", [1.0, 2.0], bad, 0.1)
    assert distance(pair) is None
    assert pair.note == "the window has no value"


def test_a_constant_that_moves_is_drift_and_one_that_stays_is_not() -> None:
    assert distance(make_pair("x", "numeric", [1.0] * 100, [1.0] * 50, 0.1)) == 0
    moved = make_pair("x", "numeric", [1.0] * 100, [2.0] * 50, 0.1)
    score = distance(moved)
    assert score is not None
    assert score > moved.bar


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e150, 1e300])
def test_the_scale_of_a_column_does_not_matter(scale: float) -> None:
    rng = np.random.default_rng(0)
    reference, current = rng.normal(0, 1, 2000), rng.normal(1, 1, 2000)
    score = distance(make_pair("x", "numeric", reference * scale, current * scale, 0.1))
    assert score == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("rows", [60, 500, 5_000])
@pytest.mark.parametrize("kind", ["normal", "heavy", "few", "many", "even", "whole"])
def test_chance_alone_seldom_exceeds_the_bar(rows: int, kind: str) -> None:
    """At most 1 window in 100: more than 5 of 60 draws would be a fault."""
    rng = np.random.default_rng(1)
    draws = {
        "normal": lambda n: rng.normal(size=n),
        "heavy": lambda n: rng.lognormal(0, 1, n),
        "whole": lambda n: rng.poisson(2, n).astype(float),
        "few": lambda n: rng.choice(["a", "b", "c"], n, p=[0.8, 0.15, 0.05]),
        "even": lambda n: rng.integers(0, 2000, n).astype(str),
        "many": lambda n: rng.zipf(1.3, n).clip(max=3000).astype(str),
    }
    numeric = kind in ("normal", "heavy", "whole")
    reference = draws[kind](3_000)
    alarms = 0
    for _ in range(60):
        pair = make_pair("x", "numeric" if numeric else "categorical", reference, draws[kind](rows), 1e-9)
        score = distance(pair)
        assert score is not None
        alarms += score > pair.bar
    assert alarms <= 5


def test_rare_categories_are_pooled_and_new_ones_seen() -> None:
    rng = np.random.default_rng(0)
    reference = [f"k{n}" for n in rng.integers(0, 3000, 5000)]
    pair = make_pair("x", "categorical", reference, ["new"] * 1000, 0.1)
    assert OTHER in pair.reference
    assert len(set(pair.reference)) <= KEPT_CATEGORIES
    assert set(pair.current) == {"new"}
    few = make_pair("x", "categorical", ["a", "b"] * 500, ["new"] * 1000, 0.1)
    score = distance(few)
    assert score is not None
    assert score > few.bar


def test_a_sample_is_chosen_by_content_and_keeps_frequencies() -> None:
    frame = pd.DataFrame({"a": ["x"] * 900 + ["y"] * 100, "b": [None] * 1000})
    chosen = sample_rows(frame, 500)
    assert len(chosen) == 500
    assert (chosen["a"] == "y").sum() == pytest.approx(50, abs=15)
    shuffled = sample_rows(frame.sample(frac=1, random_state=3), 500)
    assert chosen["a"].value_counts().equals(shuffled["a"].value_counts())
    assert not sample_rows(frame, 500, seed=1).index.equals(chosen.index)


def test_nothing_warns_on_extreme_values() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pair = make_pair("x", "numeric", [1.7e308, -1.7e308, 0.0], [1.7e308, 1e-320, 5.0], 0.1)
        assert np.isfinite(distance(pair) or 0.0)
