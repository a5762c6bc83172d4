from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.core.evaluation.evidence import Evidence
from pipelines.core.evaluation.slice_search import search_slices
from pipelines.core.problem import Problem


def problem(**good_enough: Any) -> Problem:
    data = {"source": "x.csv", "target": "y"}
    return Problem.model_validate({"name": "x", "data": data, "good_enough": good_enough})


def two(p: np.ndarray) -> np.ndarray:
    return np.column_stack([1 - p, p])


def made(rows: int, noise: float, seed: int = 0, clusters: bool = False) -> Evidence:
    """Two equal models, one of which is blurred by `noise` on the island (a fifth of the rows)."""
    source = np.random.default_rng(seed)
    truth = source.normal(0, 1.5, rows)
    y = (source.random(rows) < 1 / (1 + np.exp(-truth))).astype(float)
    island = source.random(rows) < 0.2
    ours, theirs = (
        truth
        + 0.4 * source.normal(size=(2, rows))
        + np.array([noise * island, 0 * island]) * (source.normal(size=rows))
    )
    features = pd.DataFrame({f"x{one}": source.normal(size=rows) + 0.3 * truth for one in range(5)})
    features["place"] = np.where(island, "island", source.choice(["a", "b", "c"], rows))
    return Evidence(
        np.arange(rows),
        y,
        two(1 / (1 + np.exp(-ours))),
        two(np.full(rows, 0.5)),
        two(1 / (1 + np.exp(-theirs))),
        clusters=np.arange(rows) // (rows // 40) if clusters else None,
        features=features,
    )


@pytest.mark.parametrize("metric", ["log_loss", "roc_auc", "brier", "accuracy", "f1"])
@pytest.mark.parametrize("clusters", [False, True])
def test_a_harmed_slice_is_found_first(metric: str, clusters: bool) -> None:
    search, worst = search_slices(problem(metric=metric), "binary", made(4000, 3.0, clusters=clusters))
    assert search is not None
    assert search.looked_at > 100
    assert (worst[0].column, worst[0].value, worst[0].judged_on) == ("place", "island", metric)
    assert worst[0].harmed(0.05)
    assert worst[0].searched


def test_equal_models_are_rarely_blamed() -> None:
    blamed = 0
    for seed in range(40):
        _, worst = search_slices(problem(slice_margin=0), "binary", made(600, 0.0, seed))
        blamed += any(one.harmed(0.05) for one in worst)
    assert blamed <= 6


@settings(max_examples=10)
@given(st.integers(0, 100))
def test_the_order_of_rows_and_columns_changes_nothing_but_rounding(seed: int) -> None:
    asked, whole = problem(), made(800, 1.0, seed)
    clustered = replace(whole, clusters=np.arange(800) // 20)
    shuffled = clustered.rows(np.random.default_rng(seed).permutation(800))
    one, other = (search_slices(asked, "binary", each)[1] for each in (clustered, shuffled))
    assert [(each.column, each.value) for each in one] == [(each.column, each.value) for each in other]
    for left, right in zip(one, other, strict=True):
        assert left.p_value == pytest.approx(right.p_value)


def test_a_model_that_is_nowhere_worse_is_never_blamed() -> None:
    evidence = made(1000, 0.0)
    assert evidence.champion is not None
    nearer = evidence.champion + 0.1 * (two(evidence.y) - evidence.champion)
    _, worst = search_slices(problem(slice_margin=0), "binary", replace(evidence, candidate=nearer))
    assert not any(one.harmed(0.05) for one in worst)
    _, same = search_slices(problem(slice_margin=0), "binary", replace(evidence, candidate=evidence.champion))
    assert not any(one.harmed(0.99) for one in same)


def test_rare_classes_are_judged_on_the_loss() -> None:
    evidence = made(1000, 0.0)
    rare = replace(evidence, y=np.where(np.arange(1000) < 12, 1.0, 0.0))
    _, worst = search_slices(problem(metric="roc_auc"), "binary", rare)
    assert {one.judged_on for one in worst} == {"log_loss"}


def test_nothing_to_search_is_said() -> None:
    evidence = made(1000, 0.0)
    assert search_slices(problem(search_slices=False), "binary", evidence) == (None, [])
    assert search_slices(problem(), "binary", replace(evidence, champion=None)) == (None, [])
    assert search_slices(problem(), "binary", replace(evidence, features=None)) == (None, [])
    few, worst = search_slices(problem(), "binary", evidence.rows(np.arange(90)))
    assert few is not None
    assert (few.looked_at, worst) == (0, [])
    assert "no slice has 100 rows" in str(few.reason)


def test_several_classes_and_values_are_searched_too() -> None:
    source = np.random.default_rng(3)
    features = pd.DataFrame({"x": source.choice(["a", "b"], 1000)})
    y = source.integers(0, 3, 1000).astype(float)
    three = source.dirichlet([1, 1, 1], (2, 1000))
    many = Evidence(np.arange(1000), y, three[0], three[0], three[1], features=features)
    values = Evidence(np.arange(1000), y, y + 1, y, y + three[1, :, 0], features=features)
    for metric in ("log_loss", "roc_auc", "f1"):
        assert len(search_slices(problem(metric=metric), "multiclass", many)[1]) == 2
    for metric in ("rmse", "mae", "r2"):
        _, worst = search_slices(problem(metric=metric), "regression", values)
        assert all(one.harmed(0.05) for one in worst)
