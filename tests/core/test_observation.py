from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.core.comparison import distance
from pipelines.core.contract import Column, Contract
from pipelines.core.observation import (
    PREDICTION,
    column_pairs,
    column_quality,
    encode_labels,
    prediction_pair,
    read_reference,
    read_window,
)
from pipelines.core.problem import Monitoring

CONTRACT = Contract(
    problem="p",
    task="binary",
    target="late",
    classes=["false", "true"],
    class_type="boolean",
    time="at",
    columns=(
        Column(name="size [m²]", kind="numeric", low=0, high=10, maximum=100),
        Column(name="kind", kind="categorical", seen=["a", "b"]),
        Column(name="note", kind="text"),
        Column(name="booked", kind="datetime"),
        Column(name="at", kind="datetime", feature=False),
    ),
)
WATCH = Monitoring()


def window(n: int = 100, **inputs: Any) -> pd.DataFrame:
    moments = pd.date_range("2013-03-01", periods=n, freq="h").astype("datetime64[us]")
    base = [
        {
            "size [m²]": i % 10,
            "kind": "ab"[i % 2],
            "note": "x" * (i % 5),
            "booked": (moments[i] - pd.Timedelta(days=i % 3)).isoformat(),
            **inputs,
        }
        for i in range(n)
    ]
    p = np.linspace(0.1, 0.9, n)
    return pd.DataFrame(
        {
            "inputs": base,
            "history": [{"rate": i / n} for i in range(n)],
            "moment": moments,
            "prediction": [bool(one > 0.5) for one in p],
            "probabilities": [{"false": 1 - one, "true": one} for one in p],
            "label": [True, False, None, True] * (n // 4),
        }
    )


def reference(n: int = 100) -> Any:
    found = read_window(CONTRACT, ["rate"], window(n))
    frame = found.frame.assign(__time=found.moments)
    return read_reference(CONTRACT, ["rate"], frame, found.scores, pd.Series([True, False] * (n // 2)))


def test_a_window_is_read_as_the_contract_types_it() -> None:
    found = read_window(CONTRACT, ["rate"], window())
    assert found.frame["size [m²]"].dtype == np.float64
    assert found.frame["rate"].iloc[50] == 0.5
    assert found.scores.shape == (100, 2)
    assert found.labels[:3].tolist() == pytest.approx([1, 0, np.nan], nan_ok=True)


def test_the_same_rows_do_not_drift() -> None:
    pairs = column_pairs(WATCH, CONTRACT, ["rate"], reference(), read_window(CONTRACT, ["rate"], window()))
    assert [pair.name for pair in pairs] == ["size [m²]", "kind", "note", "booked", "rate"]
    assert [distance(pair) for pair in pairs] == pytest.approx([0] * 5, abs=1e-9)
    answers = prediction_pair(WATCH, CONTRACT, reference(), read_window(CONTRACT, ["rate"], window()))
    assert (answers.name, distance(answers)) == (PREDICTION, 0)


def test_a_date_is_compared_by_its_distance_from_the_moment() -> None:
    """A year later, booked as far ahead as before: nothing drifted."""
    later = window()
    later["moment"] += pd.Timedelta(days=365)
    for row in later["inputs"]:
        row["booked"] = (pd.Timestamp(row["booked"]) + pd.Timedelta(days=365)).isoformat()
    pairs = column_pairs(WATCH, CONTRACT, [], reference(), read_window(CONTRACT, [], later))
    assert distance(next(pair for pair in pairs if pair.name == "booked")) == pytest.approx(0, abs=1e-9)


def test_an_empty_window_gives_notes_and_no_quality() -> None:
    empty = read_window(CONTRACT, ["rate"], window(0))
    pairs = column_pairs(WATCH, CONTRACT, ["rate"], reference(), empty)
    assert all(pair.note == "the window has no value" for pair in pairs)
    assert prediction_pair(WATCH, CONTRACT, reference(), empty).note
    assert column_quality(CONTRACT, ["rate"], reference(), empty) == []


def test_quality_counts_what_is_missing_unseen_outside_and_broken() -> None:
    rows = window()
    for position, row in enumerate(rows["inputs"]):
        row.pop("note")
        row["kind"] = "new" if position < 30 else row["kind"]
        row["size [m²]"] = 50 if position < 20 else ("junk" if position < 40 else 1)
    found = {
        one.name: one for one in column_quality(CONTRACT, ["rate"], reference(), read_window(CONTRACT, ["rate"], rows))
    }
    assert found["note"].missing == 1
    assert found["kind"].unseen == pytest.approx(0.3)
    assert found["size [m²]"].outside == pytest.approx(20 / 80)
    assert found["size [m²]"].broken == pytest.approx(0.2)
    assert found["rate"].missing == 0


def test_labels_that_are_no_class_are_left_out() -> None:
    codes = encode_labels(CONTRACT, pd.Series([True, "true", 0, "maybe", None, float("nan")], dtype=object))
    assert codes.tolist() == pytest.approx([1, 1, 0, np.nan, np.nan, np.nan], nan_ok=True)


def test_multiclass_answers_are_compared_as_classes() -> None:
    contract = CONTRACT.model_copy(update={"task": "multiclass", "classes": ["x", "y", "z"], "class_type": "text"})
    rows = window(8)
    rows["probabilities"] = [{"x": 0.2, "y": 0.5, "z": 0.3}] * 4 + [None] * 4
    found = read_window(contract, [], rows)
    pair = prediction_pair(WATCH, contract, found, found)
    assert (pair.kind, pair.current.tolist()) == ("categorical", ["y"] * 4)


def test_a_large_window_is_sampled_by_content() -> None:
    watch = Monitoring(sample=100)
    rows = window(400)
    one = read_window(CONTRACT, [], rows)
    other = read_window(CONTRACT, [], rows.sample(frac=1, random_state=1).reset_index(drop=True))
    pairs = [column_pairs(watch, CONTRACT, [], reference(), found) for found in (one, other)]
    assert len(pairs[0][0].current) == 100
    scores = [[distance(pair) for pair in found] for found in pairs]
    assert scores[0] == pytest.approx(scores[1], abs=1e-12)
