from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.core.contract import Column, Contract
from pipelines.core.observation import (
    answer_values,
    column_quality,
    column_values,
    encode_labels,
    pair_kind,
    read_reference,
    read_window,
    sampled,
    watched_columns,
)

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


def values(name: str, rows: pd.DataFrame) -> list[Any]:
    found = read_window(CONTRACT, ["rate"], rows)
    return column_values(CONTRACT.by_name[name], CONTRACT, found).tolist()


def test_all_but_the_problems_own_time_is_compared() -> None:
    watched = watched_columns(CONTRACT, ["rate"])
    assert [(one.name, pair_kind(one)) for one in watched] == [
        ("size [m²]", "numeric"),
        ("kind", "categorical"),
        ("note", "numeric"),
        ("booked", "numeric"),
        ("rate", "numeric"),
    ]
    timed = CONTRACT.model_copy(update={"columns": (*CONTRACT.columns[:4], Column(name="at", kind="datetime"))})
    assert "at" not in {one.name for one in watched_columns(timed, [])}


def test_a_date_is_compared_by_its_distance_from_the_moment() -> None:
    """A year later, booked as far ahead as before: nothing drifted."""
    later = window()
    later["moment"] += pd.Timedelta(days=365)
    for row in later["inputs"]:
        row["booked"] = (pd.Timestamp(row["booked"]) + pd.Timedelta(days=365)).isoformat()
    assert values("booked", later) == values("booked", window())
    assert values("booked", window())[:4] == [0.0, -86400.0, -2 * 86400.0, 0.0]


def test_a_text_is_compared_by_its_length() -> None:
    assert values("note", window())[:6] == [0, 1, 2, 3, 4, 0]


def test_what_the_frame_lacks_is_missing_in_every_row() -> None:
    found = read_window(CONTRACT, [], window(4))
    bare = replace(found, frame=found.frame.drop(columns=["kind", "size [m²]"]))
    assert np.isnan(column_values(CONTRACT.by_name["kind"], CONTRACT, bare).astype(float)).all()
    quality = {one.name: one for one in column_quality(CONTRACT, [], reference(), bare)}
    assert (quality["kind"].missing, quality["size [m²]"].missing, quality["note"].missing) == (1, 1, 0)
    assert column_quality(CONTRACT, ["rate"], reference(), read_window(CONTRACT, ["rate"], window(0))) == []


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


def test_labels_that_python_takes_for_equal_are_apart() -> None:
    counts = CONTRACT.model_copy(update={"task": "multiclass", "classes": ["0", "1", "1.5"], "class_type": "text"})
    codes = encode_labels(counts, pd.Series([True, 1, "1", 1.0, ["1"], False, 0], dtype=object))
    assert codes.tolist() == pytest.approx([np.nan, 1, 1, 1, np.nan, np.nan, 0], nan_ok=True)


def test_answers_are_compared_as_the_task_has_them() -> None:
    scores = np.array([[0.2, 0.5, 0.3], [0.6, 0.1, 0.3], [np.nan] * 3])
    many = CONTRACT.model_copy(update={"task": "multiclass", "classes": ["x", "y", "z"], "class_type": "text"})
    assert answer_values(many, scores).tolist() == ["y", "x", None]
    assert answer_values(CONTRACT, scores[:2, :2]).tolist() == [0.5, 0.1]
    one = CONTRACT.model_copy(update={"task": "regression", "classes": None})
    assert answer_values(one, np.array([1.0, 2.0])).tolist() == [1.0, 2.0]


def test_a_large_window_is_sampled_by_content() -> None:
    rows = window(400)
    one = read_window(CONTRACT, [], rows)
    other = read_window(CONTRACT, [], rows.sample(frac=1, random_state=1).reset_index(drop=True))
    chosen = [found.frame.iloc[sampled(found, 100)]["booked"] for found in (one, other)]
    assert len(chosen[0]) == 100
    assert sorted(chosen[0]) == sorted(chosen[1])
    assert sampled(one, 400).tolist() == list(range(400))
