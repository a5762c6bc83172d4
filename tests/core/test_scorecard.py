from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.core.problem import Problem
from pipelines.core.scorecard import Champion, Evidence, Scorecard, judge


def problem(**good_enough: Any) -> Problem:
    data = {"source": "x.csv", "target": "y"}
    return Problem.model_validate({"name": "x", "data": data, "good_enough": good_enough})


def evidence(rows: int, seed: int, clustered: bool = False) -> Evidence:
    source = np.random.default_rng(seed)
    y = source.integers(0, 2, rows).astype(float)
    p, q = source.random((2, rows))
    return Evidence(
        ids=np.array([f"row {one}" for one in source.permutation(rows)]),
        y=y,
        candidate=np.column_stack([1 - p, p]),
        baseline=np.full((rows, 2), 0.5),
        champion=np.column_stack([1 - q, q]),
        clusters=np.arange(rows) // 5 if clustered else None,
        slices={"half": np.where(np.arange(rows) % 2, "odd", "even").astype(object)},
    )


@settings(max_examples=30)
@given(st.integers(1, 80), st.integers(0, 20), st.booleans())
def test_the_order_of_rows_changes_nothing(rows: int, seed: int, clustered: bool) -> None:
    given_evidence = evidence(rows, seed, clustered)
    shuffled = given_evidence.rows(np.random.default_rng(seed + 1).permutation(rows))
    rival = Champion(version=1, digest="c")
    one = judge(problem(), "binary", given_evidence, "d", champion=rival)
    other = judge(problem(), "binary", shuffled, "d", champion=rival)
    assert one == other


def test_the_champion_is_judged_on_the_same_rows_and_draws() -> None:
    same = evidence(60, 0)
    twin = Evidence(**{**same.__dict__, "champion": same.candidate})
    card = judge(problem(), "binary", twin, "d", champion=Champion(version=3, digest="c"))
    assert card.champion is not None
    assert card.champion.metrics == card.metrics
    assert card.comparison is not None
    assert (card.comparison.low, card.comparison.high) == (0, 0)


def test_slices_have_their_own_metrics_and_small_ones_are_not_judged() -> None:
    found = evidence(60, 1)
    sliced = Evidence(**{**found.__dict__, "slices": {"size": np.array(["big"] * 50 + ["small"] * 10, dtype=object)}})
    card = judge(problem(), "binary", sliced, "d", champion=Champion(version=1, digest="c"))
    big, small = card.slices
    assert (big.value, big.rows, small.rows) == ("big", 50, 10)
    assert big.excess is not None
    assert big.excess.low is not None
    assert small.excess is not None
    assert "not judged" in str(small.excess.reason)


def test_the_margin_of_a_slice_is_relative_to_the_champion() -> None:
    rows = 40
    y = np.zeros(rows)
    found = Evidence(
        ids=np.arange(rows).astype(str),
        y=y,
        candidate=np.full(rows, 1.1),
        baseline=np.full(rows, 3.0),
        champion=np.full(rows, 1.0),
        slices={"all": np.full(rows, "x", dtype=object)},
    )
    card = judge(problem(slice_margin=0.1), "regression", found, "d", champion=Champion(version=1, digest="c"))
    excess = card.slices[0].excess
    assert excess is not None
    assert excess.value == pytest.approx(0, abs=1e-12)  # an rmse worse by exactly the margin


def test_a_card_survives_json_and_states_its_method() -> None:
    card = judge(problem(), "binary", evidence(30, 2, clustered=True), "d", notes=["a note"])
    assert Scorecard.model_validate_json(card.model_dump_json()) == card
    assert card.notes[0] == "a note"
    assert "bootstrap" in card.notes[1]
    assert "clusters" in card.notes[1]
    assert card.confusion is not None


@pytest.mark.parametrize("rows", [1, 2, 20])
def test_a_tiny_card_of_one_class_neither_crashes_nor_warns(rows: int) -> None:
    found = evidence(rows, 3)
    one_class = Evidence(**{**found.__dict__, "y": np.ones(rows)})
    card = judge(problem(metric="roc_auc"), "binary", one_class, "d", champion=Champion(version=1, digest="c"))
    assert card.metrics["roc_auc"].value is None
    assert card.comparison is not None
    assert card.comparison.difference is None
