"""A column at once: arrays where it can be, each distinct value once, and the wrong cells by name.

That every column is read as its cells are stands in `test_request_rows.py`.
"""

from __future__ import annotations

from datetime import UTC

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.cell_columns import cells_of, read_column
from pipelines.core.cells import read_cell
from pipelines.core.coded import Coded
from pipelines.core.schema import Column

NUMBER = Column(name="n", kind="numeric", maximum=5)
WORD = Column(name="w", kind="categorical", categories=["1", "2"])
TIME = Column(name="t", kind="datetime")


def test_wrong_cells_are_missing_and_named() -> None:
    given = np.array([1.0, 6.0, np.inf])
    typed, wrong = read_column(NUMBER, given)
    np.testing.assert_array_equal(typed, [1.0, np.nan, np.nan])
    assert [row for row, _ in wrong] == [1, 2]
    assert "more than the maximum" in wrong[0][1]
    assert given[1] == 6.0


def test_numbers_are_categories_by_their_texts() -> None:
    typed, wrong = read_column(WORD, np.array([1.0, 3.0, np.nan, 2.0]))
    assert list(typed) == ["1", None, None, "2"]
    assert [row for row, _ in wrong] == [1]


def test_a_text_that_no_row_has_is_not_wrong() -> None:
    spare = Coded.spread(["1", "9"], np.array([0, 0]))
    assert read_column(WORD, spare) == (["1", "1"], [])
    _, wrong = read_column(WORD, Coded.spread(["1", "9"], np.array([0, 1])))
    assert [row for row, _ in wrong] == [1]


def test_each_text_of_a_moment_is_read_once() -> None:
    read: list[object] = []

    def slow(value: object) -> np.datetime64:
        read.append(value)
        return np.datetime64("2024-01-01", "us")

    typed, wrong = read_column(TIME, ["2024-01-01"] * 50 + ["2024/1/2"], slow)
    assert (len(read), len(typed), wrong) == (2, 51, [])


def test_the_cells_of_an_array_are_plain() -> None:
    assert [type(one) for one in cells_of(np.array([1], dtype="i4"))] == [int]
    assert [type(one) for one in cells_of(np.array(["2024-01-01"], dtype="M8[s]"))] == [np.datetime64]
    assert cells_of(["a"]) == ["a"]


@given(
    st.lists(st.one_of(st.none(), st.datetimes().map(str), st.datetimes(timezones=st.just(UTC)).map(str)), max_size=6)
)
def test_moments_read_at_once_are_those_read_one_by_one(texts: list[str | None]) -> None:
    typed, wrong = read_column(TIME, list(texts))
    assert wrong == []
    np.testing.assert_array_equal(typed, np.array([read_cell(TIME, text) for text in texts], dtype="M8[us]"))


@given(
    st.lists(
        st.one_of(
            st.datetimes().map(lambda moment: f"{moment:%Y-%m-%dT%H:%M:%S}".rjust(19, "0")),
            st.datetimes().map(lambda moment: f"{moment:%Y-%m-%d %H:%M:%S}".rjust(19, "0")),
            st.from_regex(r"[0-2]\d{3}-[01]\d-[0-3]\d[T /]\d\d:[0-6]\d:\d\d", fullmatch=True),
            st.from_regex(r"0000-01-01T00:00:\d[\dx]", fullmatch=True),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_stamps_of_one_length_are_those_read_one_by_one(texts: list[str]) -> None:
    typed, wrong = read_column(TIME, list(texts))
    told, strange = [], []
    for row, text in enumerate(texts):
        try:
            told.append(read_cell(TIME, text))
        except ValueError:
            told.append(np.datetime64("NaT", "us"))
            strange.append(row)
    np.testing.assert_array_equal(np.array(typed, dtype="M8[us]"), np.array(told, dtype="M8[us]"))
    assert [row for row, _ in wrong] == strange
