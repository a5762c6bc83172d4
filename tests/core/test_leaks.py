"""Leaks that are planted are found; honest columns are left in peace."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.leaks import suspect_leaks

RNG = np.random.default_rng(7)
ROWS = 600
X = RNG.normal(size=ROWS)
BINARY = (X + RNG.normal(size=ROWS) > 0.5).astype(float)
CLASSES = (BINARY + (RNG.random(ROWS) > 0.6)).astype(float)
AMOUNT = 3 * X + RNG.normal(size=ROWS) * 2


def suspects(columns: dict[str, object], y: np.ndarray, task: str, kind: str = "numeric") -> dict[str, bool]:
    frame = pd.DataFrame(columns)
    found = suspect_leaks(frame, y, task, dict.fromkeys(frame.columns, kind))
    return {name: one.sure for name, one in found.items()}


@pytest.mark.parametrize(("y", "task"), [(BINARY, "binary"), (CLASSES, "multiclass"), (AMOUNT, "regression")])
def test_a_copy_of_the_target_is_a_leak_and_a_good_feature_is_none(y: np.ndarray, task: str) -> None:
    copy = y * 2 + 1 + RNG.normal(size=ROWS) * 0.01
    assert suspects({"copy": copy, "x": X, "noise": RNG.normal(size=ROWS)}, y, task) == {"copy": True}


def test_a_copy_in_words_is_a_leak() -> None:
    words = np.where(BINARY == 1, "repaid", "default").astype(object)
    other = np.array(["a", "b", "c"] * 200, dtype=object)
    assert suspects({"status": words, "other": other}, BINARY, "binary", "categorical") == {"status": True}


def test_a_code_that_is_not_in_order_is_a_leak() -> None:
    codes = np.where(BINARY == 1, RNG.choice([2, 5, 9], ROWS), RNG.choice([1, 4, 8], ROWS)).astype(float)
    assert suspects({"code": codes}, BINARY, "binary") == {"code": True}


def test_a_very_strong_column_is_to_be_checked_only() -> None:
    assert suspects({"strong": BINARY + RNG.normal(size=ROWS) * 0.45}, BINARY, "binary") == {"strong": False}


def test_filled_for_one_class_only() -> None:
    boat = np.where((BINARY == 1) & (RNG.random(ROWS) > 0.7), 1.0, np.nan)
    found = suspect_leaks(pd.DataFrame({"boat": boat}), BINARY, "binary", {"boat": "numeric"})
    assert "filled for one class" in found["boat"].reason


@pytest.mark.parametrize(("y", "task"), [(BINARY, "binary"), (AMOUNT, "regression")])
def test_filled_after_the_event(y: np.ndarray, task: str) -> None:
    refund = np.where(y > np.median(y) if task == "regression" else y == 1, RNG.random(ROWS), np.nan)
    found = suspect_leaks(pd.DataFrame({"refund": refund}), y, task, {"refund": "numeric"})
    assert "filled" in found["refund"].reason


def test_missing_where_the_target_is_missing() -> None:
    y = np.where(RNG.random(ROWS) < 0.1, np.nan, BINARY)
    arrival = np.where(np.isnan(y), np.nan, RNG.random(ROWS))
    sensor = np.where(RNG.random(ROWS) < 0.1, np.nan, RNG.random(ROWS))
    assert suspects({"arrival": arrival, "sensor": sensor}, y, "binary") == {"arrival": True}


def test_the_parts_of_a_total() -> None:
    casual, registered = RNG.integers(0, 50, ROWS).astype(float), RNG.integers(0, 90, ROWS).astype(float)
    found = suspects({"casual": casual, "registered": registered, "x": X}, casual + registered, "regression")
    assert found == {"casual": True, "registered": True}


@pytest.mark.parametrize("rows", [0, 1, 10, 60])
def test_small_and_odd_tables_are_measured_without_a_stumble(rows: int) -> None:
    frame = pd.DataFrame({"a": np.full(rows, np.inf), "b": [None] * rows, "c": np.arange(rows) % 2})
    kinds = {"a": "numeric", "b": "categorical", "c": "numeric"}
    for y, task in ((np.arange(rows) % 2, "binary"), (np.arange(rows), "regression")):
        found = suspect_leaks(frame, y.astype(float), task, kinds)
        assert (list(found) == ["c"]) is (rows == 60 and task == "binary")


def test_two_rows_of_a_class_prove_nothing() -> None:
    y = np.zeros(100)
    y[:2] = 1
    assert suspects({"copy": y}, y, "binary") == {}


@given(st.integers(0, 2**32 - 1))
def test_noise_is_no_suspect(seed: int) -> None:
    rng = np.random.default_rng(seed)
    frame = {"noise": rng.normal(size=100), "holes": np.where(rng.random(100) < 0.5, np.nan, 1.0)}
    assert suspects(frame, rng.integers(0, 2, 100).astype(float), "binary") == {}
