"""One set of verdicts on rows: a frame and the rows of a request never differ."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.contract_rows import check
from pipelines.core.request_rows import check_rows
from pipelines.core.schema import Column, Contract

CONTRACT = Contract(
    problem="x",
    task="binary",
    target="y",
    time="t",
    key=["id"],
    ignored=["leak"],
    columns=(
        Column(name="free", kind="numeric"),
        Column(name="bounded", kind="numeric", minimum=0, maximum=10, required=True),
        Column(name="flag", kind="numeric", boolean=True),
        Column(name="word [é]", kind="categorical", categories=["a", "b", "1"]),
        Column(name="must", kind="categorical", required=True),
        Column(name="story", kind="text"),
        Column(name="t", kind="datetime", feature=False),
        Column(name="day", kind="datetime", form="%d/%m/%Y", required=True),
    ),
)
CELLS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-2, 12),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from(["a", "b", "1", "", "NA", "inf", "13/01/2013", "2013-01-13", "nan", "1e999"]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
)
ROWS = st.lists(st.dictionaries(st.sampled_from([column.name for column in CONTRACT.columns]), CELLS), max_size=6)


@given(ROWS)
def test_frame_and_rows_get_the_same_verdict(rows: list[dict[str, Any]]) -> None:
    frame = pd.DataFrame({name: _cells(rows, name) for name in CONTRACT.by_name}, index=range(len(rows)))
    checked, by_rows = check(CONTRACT, frame), check_rows(CONTRACT, rows)
    # A frame's messages show the value, a request's do not.
    expected = sorted((issue.row, issue.feature) for issue in by_rows.issues)
    assert sorted(checked.issues[["row", "feature"]].itertuples(index=False, name=None)) == expected
    for column in CONTRACT.columns:
        dtype = {"numeric": np.dtype(float), "datetime": np.dtype("M8[us]")}.get(column.kind, np.dtype(object))
        typed = checked.frame[column.name]
        assert typed.dtype == dtype
        np.testing.assert_array_equal(typed.to_numpy(), np.array(by_rows.columns[column.name], dtype=dtype))


def _cells(rows: list[dict[str, Any]], name: str) -> pd.Series:
    series = pd.Series([None] * len(rows), dtype=object)
    for position, row in enumerate(rows):
        series.iat[position] = row.get(name)
    return series


def test_what_was_never_seen_is_not_wrong() -> None:
    column = Column(name="a", kind="categorical", seen=["x"])
    number = Column(name="b", kind="numeric", low=0, high=1, nullable=False)
    contract = Contract(problem="x", task="regression", target="y", columns=(column, number))
    assert not check_rows(contract, [{"a": "new", "b": 99}, {"a": None}]).issues


def test_absent_and_shuffled_columns_change_nothing() -> None:
    frame = pd.DataFrame({"day": ["13/01/2013"], "must": ["x"], "bounded": [1], "other": [2]})
    checked = check(CONTRACT, frame)
    assert checked.issues.empty
    assert list(checked.frame) == list(CONTRACT.by_name)
    assert checked.frame["free"].isna().all()
    assert list(frame) == ["day", "must", "bounded", "other"]


def test_an_empty_frame_keeps_its_types() -> None:
    checked = check(CONTRACT, pd.DataFrame())
    assert len(checked.frame) == 0
    assert checked.frame["free"].dtype == float
    assert checked.frame["t"].dtype == "M8[us]"
