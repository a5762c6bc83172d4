"""What a first look at a table tells."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pipelines.core.first_look import is_nested, may_be_moments, repeated_rows, rows_a_week, spelling_variants

RNG = np.random.default_rng(0)


def test_weeks_without_rows_do_not_count() -> None:
    days = pd.date_range("2020-01-01", periods=300, freq="D").delete(slice(50, 200))
    assert rows_a_week(pd.Series(days)) == 7
    assert rows_a_week(pd.Series(days.strftime("%d.%m.%Y"))) == 7
    assert rows_a_week(pd.Series(days[:5])) is None
    assert rows_a_week(pd.Series([None, None], dtype=object)) is None


@pytest.mark.parametrize(
    ("values", "nested"),
    [(["[1, 2]", "[]"], True), (["{'a': 1}", None], True), (["[1]", "x"], False), ([None], False), ([1, 2], False)],
)
def test_lists_and_records_are_nested(values: list[object], nested: bool) -> None:
    assert is_nested(pd.Series(values, dtype=object)) is nested


def test_seconds_and_milliseconds_since_1970_may_be_moments() -> None:
    seconds = pd.Series(1_600_000_000 + 3_600 * np.arange(50))
    assert may_be_moments(seconds)
    assert may_be_moments(seconds * 1000)
    assert not may_be_moments(seconds + 0.5)
    assert not may_be_moments(seconds % 100_000)
    assert not may_be_moments(seconds * 0 + 1_600_000_000)


def test_rows_that_came_in_twice_are_counted() -> None:
    frame = pd.DataFrame({"x": RNG.normal(size=100), "shop": RNG.choice(["a", "b"], 100)})
    twice = pd.concat([frame, frame.head(20)], ignore_index=True)
    assert repeated_rows(twice) == 20
    assert repeated_rows(twice.assign(number=range(120)), ["number"]) == 20
    assert repeated_rows(frame) == 0
    few = pd.DataFrame({"x": RNG.integers(0, 3, 100), "shop": RNG.choice(["a", "b"], 100)})
    assert repeated_rows(few) == 0


def test_spellings_of_one_value_are_found() -> None:
    assert spelling_variants(pd.Series(["no", " No", "yes", None])) == [" No", "no"]
    assert spelling_variants(pd.Series(["no", "yes"])) == []
    assert spelling_variants(pd.Series([True, False])) == []
