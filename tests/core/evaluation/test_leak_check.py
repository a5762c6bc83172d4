"""The leak check: what knows the answer is found, what is merely good is not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine

from pipelines.core.evaluation.leak_check import find_leaks
from pipelines.core.problem import Kind, Task


def halves(frame: pd.DataFrame, y: np.ndarray) -> tuple[pd.DataFrame, np.ndarray, pd.DataFrame, np.ndarray]:
    held = np.random.default_rng(0).random(len(y)) < 0.4
    whole = frame.reset_index(drop=True)
    return whole[~held], y[~held], whole[held].reset_index(drop=True), y[held]


@pytest.mark.parametrize(
    ("task", "kind"),
    [("binary", "numeric"), ("binary", "categorical"), ("multiclass", "categorical"), ("regression", "numeric")],
)
def test_a_leak_is_found_and_named(task: Task, kind: Kind) -> None:
    source = np.random.default_rng(1)
    y = {
        "binary": (source.random(600) < 0.3).astype(float),
        "multiclass": source.integers(0, 3, 600).astype(float),
        "regression": source.normal(size=600),
    }[task]
    known = y * 7 - 3 + (source.normal(size=600) * 0.01 if task == "regression" else 0)
    frame = pd.DataFrame({"honest": y + 2 * source.normal(size=600), "leak": known})
    if kind == "categorical":
        frame["leak"] = frame["leak"].astype(str)
    found = find_leaks(task, {"honest": "numeric", "leak": kind}, *halves(frame, y))
    assert [one.feature for one in found] == ["leak"]
    assert "almost perfectly" in found[0].reason
    assert found[0].score > 0.98


@pytest.mark.parametrize(
    ("task", "table"), [("binary", load_breast_cancer), ("multiclass", load_wine), ("regression", load_diabetes)]
)
def test_strong_honest_features_are_left_alone(task: Task, table: object) -> None:
    frame = table(as_frame=True).frame  # type: ignore[operator]
    y = frame.pop("target").to_numpy(dtype=float)
    assert find_leaks(task, dict.fromkeys(frame.columns, "numeric"), *halves(frame, y)) == []


def test_the_name_of_a_group_seen_in_the_held_out_rows_only_is_no_leak() -> None:
    """Within the held-out rows a customer's name tells the label; learnt from the training rows it tells nothing."""
    source = np.random.default_rng(2)
    customer = np.repeat(np.arange(100), 6)
    y = source.integers(0, 2, 100).astype(float)[customer]
    frame = pd.DataFrame({"customer": customer.astype(str)})
    fitted, known, rows, held = frame[:360], y[:360], frame[360:].reset_index(drop=True), y[360:]
    assert find_leaks("binary", {"customer": "categorical"}, fitted, known, rows, held) == []


def test_too_few_rows_tell_nothing_and_odd_columns_are_no_trouble() -> None:
    y = np.tile([0.0, 1.0], 40)
    frame = pd.DataFrame(
        {
            "same": y,
            "empty": np.nan,
            "text": pd.Series([f"a b {n}" for n in range(80)], dtype=object),
            "at": pd.date_range("2024", periods=80).astype("datetime64[us]"),
            "none": pd.Series([None] * 80, dtype=object),
        }
    )
    kinds: dict[str, Kind] = {
        "same": "numeric", "empty": "numeric", "text": "text", "at": "datetime", "none": "categorical"
    }  # fmt: skip
    few = frame[:8]
    assert find_leaks("binary", kinds, frame, y, few, y[:8]) == []
    assert find_leaks("binary", kinds, frame, y, frame, np.zeros(80)) == []
    assert [one.feature for one in find_leaks("binary", kinds, *halves(frame, y))] == ["same"]
