"""What a column holds: a column is read as its values are."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.kinds import (
    category_text,
    category_texts,
    date_form,
    infer_kind,
    to_datetime,
    to_datetimes,
    to_number,
    to_numbers,
)

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["1", "1.5", "NA", "2013-01-01", "2013-01-01T00:00:00Z", "20130101", "-", "1e400"]),
    st.datetimes(),
    st.dates(),
    st.decimals(allow_nan=False, allow_infinity=False),
)
COLUMNS = st.one_of(
    st.lists(SCALARS, max_size=12),
    st.lists(st.one_of(st.none(), st.integers(-5, 5)), max_size=12),
    st.lists(st.one_of(st.none(), st.text(max_size=3)), max_size=12),
    st.lists(st.one_of(st.none(), st.booleans()), max_size=12),
    st.lists(st.floats(), max_size=12),
)


def _column(values: list[Any]) -> pd.Series:
    series = pd.Series([None] * len(values), dtype=object)
    for position, value in enumerate(values):
        series.iat[position] = value
    return series


@given(COLUMNS)
def test_category_texts_are_those_of_the_values(values: list[Any]) -> None:
    assert category_texts(_column(values)).tolist() == [category_text(value) for value in values]


@given(COLUMNS, st.booleans())
def test_numbers_are_those_of_the_values(values: list[Any], booleans: bool) -> None:
    numbers, bad = to_numbers(_column(values), booleans)
    for value, number, wrong in zip(values, numbers, bad, strict=True):
        try:
            expected = to_number(value, booleans)
        except ValueError:
            assert wrong
            continue
        assert not wrong
        np.testing.assert_equal(number, expected)


@given(COLUMNS)
def test_moments_are_those_of_the_values(values: list[Any]) -> None:
    moments, bad = to_datetimes(_column(values))
    for value, moment, wrong in zip(values, moments, bad, strict=True):
        try:
            expected = to_datetime(value)
        except ValueError:
            assert wrong
            continue
        assert not wrong
        np.testing.assert_equal(moment, expected)


@pytest.mark.parametrize(
    "series",
    [
        pd.Series([1, None, 3], dtype="Int64"),
        pd.Series([1.5, None], dtype="Float64"),
        pd.Series([True, None], dtype="boolean"),
        pd.Series(["a", None], dtype="string"),
        pd.Series(["a", None, "b"], dtype="category"),
        pd.Series(pd.to_datetime(["2013-01-01", None], utc=True)),
        pd.Series([Decimal("1.5"), None]),
    ],
)
def test_extension_types_are_read_like_plain_ones(series: pd.Series) -> None:
    expected = [category_text(one) for one in series.astype(object)]
    assert category_texts(series).tolist() == expected


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 5, 5], "numeric"),
        (["1", "2.5", "?"], "numeric"),
        ([True, False], "categorical"),
        ([True, None], "categorical"),
        (["yes", "no"] * 20, "categorical"),
        (["Jun 12 1998", "Jul 1 2001"], "datetime"),
        (["2013-01-01T00:00:00Z"], "datetime"),
        (pd.to_datetime(["2013-01-01"]), "datetime"),
        ([None, np.nan], "ignored"),
        (["NA", "?"] * 30, "ignored"),
        (range(100), "ignored"),
        ([f"id{one}" for one in range(100)], "ignored"),
        ([f"the {one} quick brown fox jumps over dog {one}" for one in range(100)], "text"),
        ([f"c{one % 40}" for one in range(100)], "categorical"),
        (range(3, 103), "numeric"),
    ],
)
def test_the_kind_suits_the_values(values: Any, kind: str) -> None:
    assert infer_kind(pd.Series(values)) == kind


def test_a_few_words_among_numbers_leave_them_numbers() -> None:
    assert infer_kind(pd.Series([*map(str, range(5, 500)), "x"])) == "numeric"
    assert infer_kind(pd.Series(["1", "x"] * 100)) == "categorical"


def test_a_late_day_above_twelve_settles_the_order_of_day_and_month() -> None:
    assert date_form(pd.Series(["01/02/2013"] * 1000 + ["13/02/2013"] * 50)) == "%d/%m/%Y"


def test_row_order_never_changes_the_kind() -> None:
    series = pd.Series([*["1"] * 300, *["x"] * 300])
    assert infer_kind(series) == infer_kind(series.iloc[::-1])


def test_numbers_that_floats_cannot_tell_apart_are_names() -> None:
    large = pd.Series(2**60 + np.arange(60) % 3)
    assert infer_kind(large) == "categorical"
    assert len(set(category_texts(large))) == 3
    assert infer_kind(pd.Series(2**60 + np.arange(60) * 7)) == "ignored"
