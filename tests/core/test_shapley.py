from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from pipelines.core.compilation.contributions import linked
from pipelines.core.compilation.shapley import OutOfTime, sample_contributions

KNOWN: dict[str, Any] = {
    "a": np.random.default_rng(1).normal(size=30),
    "b": np.array(["x", "y", None] * 10, dtype=object),
    "at": np.datetime64("2024-01-01", "us") + np.arange(30) * np.timedelta64(1, "D"),
}
ASKED: dict[str, Any] = {
    "a": np.array([2.0, np.nan]),
    "b": np.array(["y", None], dtype=object),
    "at": np.array(["2030-01-01", "NaT"], dtype="M8[us]"),
}


def chances(columns: dict[str, np.ndarray], count: int) -> np.ndarray:
    odds = np.nan_to_num(columns["a"]) + (columns["b"] == "y") + np.nan_to_num(columns["a"]) * np.isnat(columns["at"])
    found = 1 / (1 + np.exp(-odds))
    assert found.shape == (count,)
    return np.column_stack([1 - found, found])


def test_contributions_add_up_to_the_answer() -> None:
    found = sample_contributions(chances, ASKED, KNOWN, "logit", float("inf"), orders=5)
    np.testing.assert_allclose(
        found.base + found.values.sum(axis=1), linked(chances(ASKED, 2), "logit"), rtol=0, atol=1e-12
    )
    assert found.sources == ("a", "b", "at")
    again = sample_contributions(chances, ASKED, KNOWN, "logit", float("inf"), orders=5)
    np.testing.assert_array_equal(found.values, again.values)


def test_a_column_that_changes_nothing_contributes_nothing_and_equals_share() -> None:
    def double(columns: dict[str, np.ndarray], count: int) -> np.ndarray:
        return columns["a"] * columns["b"]

    found = sample_contributions(
        double,
        {name: np.array([4.0]) for name in "abc"},
        {name: np.zeros(2) for name in "abc"},
        "identity",
        float("inf"),
    )
    assert found.values[0, :, 0].tolist() == [8.0, 8.0, 0.0]  # a product is shared by both: forwards and backwards


def test_it_stops_in_time_or_says_that_there_was_none() -> None:
    asked = 0

    def slow(columns: dict[str, np.ndarray], count: int) -> np.ndarray:
        nonlocal asked
        asked += 1
        time.sleep(0.02)
        return columns["a"]

    rows = {"a": np.array([1.0])}
    start = time.monotonic()
    found = sample_contributions(slow, rows, {"a": np.zeros(3)}, "identity", start + 0.3)
    assert 3 <= asked <= 20
    assert found.values.tolist() == [[[1.0]]]
    with pytest.raises(OutOfTime):
        sample_contributions(slow, rows, {"a": np.zeros(3)}, "identity", time.monotonic() - 1)
