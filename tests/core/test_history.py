"""History features: what was known, when; compared with the definition, row by row."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.core.entities import texts_of
from pipelines.core.errors import ModelFileError, ProblemError
from pipelines.core.history import HistoryIndex
from pipelines.core.problem import HistoryFeature, Problem

HOURS = np.timedelta64(3_600_000_000, "us")
START = np.datetime64("2024-01-01", "us")
PROBLEM = Problem.model_validate(
    {"name": "p", "task": "regression", "data": {"source": "t.csv", "target": "y", "time": "at"}}
)
FEATURES = [
    HistoryFeature(name="mean", by=["who"], of="y", window=timedelta(hours=9)),
    HistoryFeature(name="sum", by=["who", "where"], of="y", how="sum", window=timedelta(days=2)),
    HistoryFeature(name="std", of="y", how="std", window=timedelta(days=1)),
    HistoryFeature(name="last", by=["where"], of="x", how="last", window=timedelta(days=3), known_at="seen_at"),
    HistoryFeature(name="rows", by=["who"], how="count", window=timedelta(hours=5)),
    HistoryFeature(name="known", by=["who"], of="x", how="count", window=timedelta(days=9)),
]


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    count = draw(st.integers(1, 14))

    def some(values: Any) -> list[Any]:
        return draw(st.lists(values, min_size=count, max_size=count))

    numbers = st.one_of(st.just(float("nan")), st.integers(-50, 50).map(lambda n: n / 4))
    time = START + np.array(some(st.integers(0, 40))) * HOURS
    frame = pd.DataFrame(
        {
            "who": pd.Series(some(st.sampled_from(["a", "b", None])), dtype=object),
            "where": np.array(some(st.sampled_from([1.0, 2.0, float("nan")]))),
            "x": some(numbers),
            "seen_at": START + np.array(some(st.integers(0, 60))) * HOURS,
            "__time": time,
            "__known_at": time + np.array(some(st.integers(-3, 20))) * HOURS,
            "__y": some(numbers),
        }
    )
    frame.loc[sorted(draw(st.sets(st.integers(0, count - 1), max_size=3))), "__known_at"] = pd.NaT
    return frame


def _lookup(frame: pd.DataFrame, rows: pd.DataFrame) -> dict[str, np.ndarray]:
    index = HistoryIndex.build(frame, FEATURES, PROBLEM)
    return index.lookup({name: rows[name].to_numpy() for name in index.columns}, rows["__time"].to_numpy())


def _by_definition(frame: pd.DataFrame, feature: HistoryFeature) -> list[float]:
    """The aggregate as the words define it, row by row, from all events one by one."""
    known = frame[feature.known_at or ("__known_at" if feature.of == "y" else "__time")].to_numpy()
    time = frame["__time"].to_numpy()
    if feature.of == "y":
        known = np.where(known < time, time, known)
    value = np.ones(len(frame)) if feature.of is None else frame["__y" if feature.of == "y" else feature.of].to_numpy()
    names = list(zip(*(texts_of(frame[column]) for column in feature.by), strict=True)) or [()] * len(frame)
    found = []
    for row, now in enumerate(time):
        events = sorted(
            (known[other], value[other])
            for other in range(len(frame))
            if names[other] == names[row]
            and now - np.timedelta64(feature.window) < known[other] < now
            and not np.isnan(value[other])
        )
        values = np.array([value for _, value in events])
        if feature.how == "count":
            found.append(float(len(values)))
        elif len(values) < (2 if feature.how == "std" else 1):
            found.append(float("nan"))
        else:
            by_name = {"mean": np.mean, "sum": np.sum, "last": lambda v: v[-1], "std": lambda v: np.std(v, ddof=1)}
            found.append(float(by_name[feature.how](values)))
    return found


@settings(max_examples=50)
@given(tables())
def test_every_aggregate_is_what_its_words_say(frame: pd.DataFrame) -> None:
    found = _lookup(frame, frame)
    for feature in FEATURES:
        expected = _by_definition(frame, feature)
        np.testing.assert_allclose(found[feature.name], expected, rtol=1e-9, atol=1e-7, err_msg=feature.name)


@settings(max_examples=50)
@given(tables(), st.lists(st.sampled_from(["a", "b", "new", None]), min_size=6, max_size=30))
def test_a_few_rows_and_many_are_the_same_bit_for_bit(frame: pd.DataFrame, who: list[str | None]) -> None:
    index = HistoryIndex.build(frame, FEATURES, PROBLEM)
    times = np.resize(frame["__time"].to_numpy(), len(who))
    times[1] = np.datetime64("NaT")
    columns = {"who": who, "where": np.resize([1.0, 3.0, np.nan], len(who)).tolist()}
    many = index.lookup(columns, times)
    assert list(many) == [feature.name for feature in FEATURES]
    for size in (1, 2, 5):
        rows = range(0, len(who), size)
        parts = [index.lookup({k: v[at : at + size] for k, v in columns.items()}, times[at : at + size]) for at in rows]
        for name, values in many.items():
            found = np.concatenate([part[name] for part in parts])
            np.testing.assert_array_equal(np.isnan(found), np.isnan(values))
            assert found[~np.isnan(found)].tobytes() == values[~np.isnan(values)].tobytes()


@settings(max_examples=50)
@given(tables(), tables(), st.integers(0, 40))
def test_what_was_not_yet_known_changes_nothing(frame: pd.DataFrame, other: pd.DataFrame, hour: int) -> None:
    """Rows whose values were not known at a moment are altered, taken away or added to: bit for bit the same."""
    now = START + hour * HOURS
    label = frame["__known_at"].where(frame["__known_at"] > frame["__time"], frame["__time"])
    late = {"__y": (label.isna() | (label >= now) | frame["__known_at"].isna()), "x": frame["seen_at"] >= now}
    altered = frame.copy()
    altered.loc[late["__y"], "__y"] = 1e6
    altered.loc[late["x"] & (frame["__time"] >= now), "x"] = -1e6
    future = other.assign(__time=other["__time"] + 41 * HOURS, seen_at=other["seen_at"] + 41 * HOURS)
    future["__known_at"] = future["__time"]
    asked = frame.assign(__time=now)
    before, after = _lookup(frame, asked), _lookup(pd.concat([future, altered], ignore_index=True), asked)
    for name, values in before.items():
        np.testing.assert_array_equal(values, after[name], err_msg=name)


@settings(max_examples=50)
@given(tables(), st.randoms(use_true_random=False))
def test_the_order_of_rows_makes_no_difference(frame: pd.DataFrame, random: Any) -> None:
    order = list(range(len(frame)))
    random.shuffle(order)
    straight, shuffled = _lookup(frame, frame), _lookup(frame.iloc[order], frame)
    for name in straight:
        np.testing.assert_array_equal(straight[name], shuffled[name])


@settings(max_examples=50)
@given(tables())
def test_one_row_asked_alone_gets_the_batch_answer(frame: pd.DataFrame) -> None:
    many = pd.concat([frame] * 70, ignore_index=True)  # beyond the size up to which entities are looked up one by one
    index = HistoryIndex.build(many, FEATURES, PROBLEM)
    batch = index.lookup({name: many[name].to_numpy() for name in index.columns}, many["__time"].to_numpy())
    again = HistoryIndex.from_arrays(index.to_arrays())
    for position in range(min(len(frame), 3)):
        row = frame.iloc[[position]]
        alone = again.lookup({name: row[name].tolist() for name in index.columns}, row["__time"].to_numpy())
        for name in batch:
            np.testing.assert_array_equal(alone[name][0], batch[name][position])


def test_a_row_never_sees_its_own_label_even_if_it_claims_to_be_known_before() -> None:
    frame = pd.DataFrame({"who": ["a"], "where": [1.0], "x": [1.0], "seen_at": [START], "__y": [5.0]})
    frame["__time"], frame["__known_at"] = START + 10 * HOURS, START
    found = _lookup(frame, frame)
    assert np.isnan(found["mean"][0])
    assert found["rows"][0] == 0


def test_unseen_entities_and_missing_times() -> None:
    frame = pd.DataFrame({"who": ["a", None], "where": [1.0, 1.0], "x": [1.0, 2.0], "__y": [5.0, 7.0]})
    frame["seen_at"] = frame["__time"] = frame["__known_at"] = START
    index = HistoryIndex.build(frame, FEATURES, PROBLEM)
    later, never = START + HOURS, np.datetime64("NaT", "us")
    asked = {"who": ["zed", "a", None, "a"], "where": [1.0, 1.0, 1.0, 1.0]}
    found = index.lookup(asked, np.array([later, later, later, never]))
    assert found["rows"].tolist()[:3] == [0.0, 1.0, 1.0]
    assert found["mean"].tolist()[1:3] == [5.0, 7.0]
    assert np.isnan(found["mean"][[0, 3]]).all()
    assert np.isnan(found["rows"][3])


def test_no_event_at_all_and_no_row_asked() -> None:
    frame = pd.DataFrame({"who": ["a"], "where": [1.0], "x": [np.nan], "__y": [np.nan], "seen_at": [START]})
    frame["__time"] = frame["__known_at"] = START
    index = HistoryIndex.from_arrays(HistoryIndex.build(frame.iloc[:0], FEATURES, PROBLEM).to_arrays())
    found = index.lookup({"who": ["a"], "where": [1.0]}, np.array([START + HOURS]))
    assert found["rows"].tolist() == [0.0]
    assert all(len(values) == 0 for values in index.lookup({"who": [], "where": []}, np.array([], "M8[us]")).values())


@pytest.mark.parametrize(
    ("feature", "task", "told"),
    [
        ({"of": "y"}, "multiclass", "multiclass"),
        ({"of": "who"}, "regression", "no number"),
        ({"of": "gone"}, "regression", "no column 'gone'"),
        ({"of": "y", "by": "gone"}, "regression", "no column 'gone'"),
    ],
)
def test_features_that_cannot_be(feature: dict[str, Any], task: Any, told: str) -> None:
    frame = pd.DataFrame({"who": ["a"], "__y": [1.0], "__time": [START], "__known_at": [START]})
    wanted = HistoryFeature.model_validate({"name": "h", "window": "1d", **feature})
    with pytest.raises(ProblemError, match=told):
        HistoryIndex.build(frame, [wanted], PROBLEM, task)


def test_a_store_with_a_part_missing_is_refused() -> None:
    frame = pd.DataFrame({"who": ["a"], "where": [1.0], "x": [1.0], "__y": [5.0], "seen_at": [START]})
    frame["__time"] = frame["__known_at"] = START
    arrays = HistoryIndex.build(frame, FEATURES, PROBLEM).to_arrays()
    arrays.pop("series.0.keys")
    with pytest.raises(ModelFileError, match="materialise"):
        HistoryIndex.from_arrays(arrays)
