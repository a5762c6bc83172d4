"""A cell: the quick reading of it is the one reading of it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.cells import nothing, quick_reader, read_cell, some
from pipelines.core.schema import Column

COLUMNS = [
    Column(name="free", kind="numeric"),
    Column(name="bounded", kind="numeric", minimum=0, maximum=10, required=True),
    Column(name="high", kind="numeric", minimum=5.5),
    Column(name="flag", kind="numeric", boolean=True),
    Column(name="word", kind="categorical"),
    Column(name="closed", kind="categorical", categories=["a", "1", "true"], required=True),
    Column(name="story", kind="text", required=True),
    Column(name="at", kind="datetime"),
    Column(name="day", kind="datetime", form="%d/%m/%Y", required=True),
]
_MOMENTS = st.datetimes(timezones=st.sampled_from([None, dt.UTC, dt.timezone(dt.timedelta(hours=-7, minutes=-30))]))
_DATES = st.from_regex(r"\d{4}-\d{1,2}-\d{1,2}([T xZ]{1,2}[\d:.]{0,8})?(Z|[+-]\d\d:?\d\d)?", fullmatch=True)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-2, 12),
    st.floats(),
    st.text(max_size=6),
    _MOMENTS.map(dt.datetime.isoformat),
    _MOMENTS.map(lambda moment: str(moment) + " "),
    _DATES,
    st.sampled_from(["a", "1", "", "NA", "inf", "13/01/2013", "2013-01-13", "2013-W01-1", "20130113", 10**400]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
)


def _told(read: Any) -> Any:
    try:
        value = read()
    except ValueError as error:
        return f"wrong: {error}"
    return type(value), str(value)


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.name)
@given(value=VALUES)
def test_the_quick_reading_is_the_general_one(column: Column, value: Any) -> None:
    quick = quick_reader(column)
    assert _told(lambda: quick(value)) == _told(lambda: read_cell(column, value))


def test_nothing_has_the_type_of_its_column() -> None:
    assert np.isnan(nothing(COLUMNS[0]))
    assert nothing(COLUMNS[4]) is None
    assert np.isnat(nothing(COLUMNS[7]))


def test_a_long_list_of_names_is_cut() -> None:
    assert some(["a", "b"]) == "a, b"
    assert some([str(number) for number in range(12)]).endswith("9 and 2 more")
