"""Rows and columns of a request: the same verdicts, cell for cell, however they come and however many."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core import request_rows
from pipelines.core.cells import nothing, read_cell
from pipelines.core.errors import PayloadError
from pipelines.core.request_rows import check_columns, check_rows
from pipelines.core.schema import Column, Contract
from pipelines.core.values import reason_of

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
    st.sampled_from(
        ["a", "b", "1", "", "NA", "inf", "13/01/2013", "2013-01-13", "2013-01-13T05:00:00.5Z", "nan", "1e999"]
    ),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
)
GOOD = {"bounded": 1, "must": "x", "day": "13/01/2013"}


def _by_definition(rows: list[dict[str, Any]]) -> tuple[dict[str, list[Any]], list[tuple[int, str, str]]]:
    """Each cell by the one reading that says what it stands for."""
    issues, typed = [], {}
    for column in CONTRACT.columns:
        typed[column.name] = []
        for position, row in enumerate(rows):
            try:
                value = read_cell(column, row.get(column.name))
            except ValueError as error:
                issues.append((position, column.name, reason_of(error)))
                value = nothing(column)
            typed[column.name].append(value)
    return typed, sorted(issues, key=lambda issue: issue[0])


def _agree(columns: dict[str, Any], typed: dict[str, list[Any]]) -> None:
    assert list(columns) == list(typed)
    for column in CONTRACT.columns:
        dtype = {"numeric": np.dtype(float), "datetime": np.dtype("M8[us]")}.get(column.kind, np.dtype(object))
        found, expected = (_array(one[column.name], dtype) for one in (columns, typed))
        np.testing.assert_array_equal(found, expected, err_msg=column.name)


def _array(values: Any, dtype: Any) -> np.ndarray:
    array = np.empty(len(values), dtype=dtype)
    array[:] = values
    return array


NAMES = st.sampled_from([column.name for column in CONTRACT.columns])


@given(st.lists(st.dictionaries(NAMES, CELLS), max_size=4), st.sampled_from([1, 40]))
def test_few_and_many_rows_are_judged_cell_by_cell(rows: list[dict[str, Any]], times: int) -> None:
    rows = rows * times
    checked = check_rows(CONTRACT, rows)
    typed, issues = _by_definition(rows)
    assert [(one.row, one.feature, one.message) for one in checked.issues] == issues
    _agree(checked.columns, typed)


@st.composite
def _columns(draw: st.DrawFn) -> tuple[dict[str, Any], int]:
    """Columns of one length: lists of anything, or arrays of every type that a columnar body has."""
    count = draw(st.integers(0, 5))

    def some(values: Any) -> list[Any]:
        return draw(st.lists(values, min_size=count, max_size=count))

    def array() -> np.ndarray:
        kind = draw(st.sampled_from(["f8", "f4", "i8", "u1", "bool", "M8[us]", "M8[ns]", "M8[D]", "U3", "O"]))
        if kind == "O":
            return _array(some(CELLS), object)
        if kind == "U3":
            return np.array(some(st.text(st.sampled_from("ab1 "), max_size=3)), dtype="U3")
        numbers = np.array(some(st.one_of(st.integers(-2, 12), st.integers(0, 10**6))), dtype="i8")
        if kind.startswith("f"):
            numbers = numbers / 4
            return np.where(some(st.sampled_from([True, True, False])), numbers, some(_ODD)).astype(kind)
        return numbers.astype("M8[s]").astype(kind) if kind.startswith("M8") else numbers.astype(kind)

    names = draw(st.lists(NAMES, unique=True))
    return {name: some(CELLS) if draw(st.booleans()) else array() for name in names}, count


_ODD = st.sampled_from([np.nan, np.inf, -np.inf, 0.1])


@given(_columns())
def test_columns_are_judged_as_their_rows(given_: tuple[dict[str, Any], int]) -> None:
    columns, count = given_
    before = {name: list(values) for name, values in columns.items()}
    rows = [{name: _cell(values[row]) for name, values in columns.items()} for row in range(count)]
    checked = check_columns(CONTRACT, columns, count)
    typed, issues = _by_definition(rows)
    assert [(one.row, one.feature, one.message) for one in checked.issues] == issues
    _agree(checked.columns, typed)
    for name, values in columns.items():
        assert all(one is other or one == other or one != one for one, other in zip(values, before[name], strict=True))


def _cell(value: Any) -> Any:
    return str(value) if isinstance(value, np.str_) else value  # an array of texts holds texts


def test_an_array_of_numbers_stays_one() -> None:
    columns = check_columns(CONTRACT, {"free": np.arange(3), "bounded": np.ones(3), "must": ["x"] * 3}, 3).columns
    assert columns["free"].dtype == np.float64
    assert columns["must"] == ["x"] * 3


def test_a_column_that_nobody_knows_is_told_once() -> None:
    columns = {name: [value] * 2 for name, value in GOOD.items()} | {"Free": [1, 2], "id": [1, 2], "leak": [1, 2]}
    (issue,) = check_columns(CONTRACT, columns, 2).issues
    assert (issue.row, issue.feature) == (0, "Free")
    assert "did you mean 'free'" in issue.message


@pytest.mark.parametrize("values", [[1], np.ones(3), np.ones((2, 2)), "ab", 1, None, {"a": 1}])
def test_a_column_without_one_value_for_each_row_is_refused(values: Any) -> None:
    with pytest.raises(PayloadError, match="column 'free'"):
        check_columns(CONTRACT, {"free": values}, 2)


@pytest.mark.parametrize(
    ("feature", "value", "message"),
    [
        ("free", "x", "expected a number, got a text"),
        ("free", True, "expected a number, got true"),
        ("free", float("inf"), "expected a finite number, got an infinite number"),
        ("bounded", -1, "less than the minimum 0"),
        ("bounded", 11, "more than the maximum 10"),
        ("bounded", None, "a value is required and it is missing"),
        ("word [é]", "c", "none of the categories allowed: a, b, 1"),
        ("word [é]", ["a"], "expected a text, got a list"),
        ("t", "soon", "expected a date or a time such as 2013-01-31T18:00:00, got a text"),
    ],
)
def test_an_issue_names_row_feature_and_fault(feature: str, value: Any, message: str) -> None:
    good = {"bounded": 1, "must": "x", "day": "13/01/2013"}
    issues = check_rows(CONTRACT, [good, {**good, feature: value}]).issues
    assert [(issue.row, issue.feature, issue.message) for issue in issues] == [(1, feature, message)]


def test_known_names_are_accepted_and_unknown_ones_named() -> None:
    good = {"bounded": 1, "must": "x", "day": "13/01/2013"}
    assert not check_rows(CONTRACT, [{**good, "id": 1, "y": True, "leak": 2, "t": "2013-01-01"}]).issues
    (issue,) = check_rows(CONTRACT, [{**good, "Free": 1}]).issues
    assert (issue.row, issue.feature) == (0, "Free")
    assert "did you mean 'free'" in issue.message


def test_a_row_that_is_no_object_is_an_issue() -> None:
    contract = Contract(problem="x", task="regression", target="y", columns=(Column(name="a", kind="numeric"),))
    (issue,) = check_rows(contract, [{"a": 1}, 5]).issues  # type: ignore[list-item]
    assert (issue.row, issue.message) == (1, "expected an object of features, got a number")


@pytest.mark.parametrize("number", [10**400, -(10**400), 2**63, 1e308])
def test_numbers_at_the_edge_are_read_as_one_by_one(number: float) -> None:
    row = {**GOOD, "free": number}
    one, many = check_rows(CONTRACT, [row]), check_rows(CONTRACT, [row] * 99)
    columns = check_columns(CONTRACT, {name: [value] * 99 for name, value in row.items()}, 99)
    messages = {issue.message for issue in (*one.issues, *many.issues, *columns.issues)}
    assert len(messages) == (1 if abs(number) > 1e308 else 0)
    assert len(many.issues) == len(columns.issues) == 99 * len(one.issues)


def test_readers_are_made_once_and_go_with_their_contract() -> None:
    contract = CONTRACT.model_copy()
    check_rows(contract, [GOOD])
    key = id(contract)
    made = request_rows._made[key][1]
    check_rows(contract, [GOOD])
    assert request_rows._made[key][1] is made
    del contract
    gc.collect()
    assert key not in request_rows._made
