"""A coded column is the list that it stands for, and its codes tell the same."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import orjson
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.coded import Coded

TEXTS = st.lists(st.one_of(st.none(), st.sampled_from(["", "a", "b", "ü"])), max_size=30)


def _by_codes(column: Coded) -> list[str | None]:
    return [column.distinct[code] for code in column.codes.tolist()]


@given(TEXTS)
def test_codes_and_cells_say_the_same(cells: list[str | None]) -> None:
    column = Coded.of(cells)
    assert column == cells == _by_codes(column)
    assert len(set(column.distinct)) == len(column.distinct)
    assert orjson.dumps(column) == orjson.dumps(cells)


@given(TEXTS)
def test_other_texts_stand_in_the_same_rows(cells: list[str | None]) -> None:
    column = Coded.of(cells)
    mapped = column.mapped([text or "" for text in column.distinct])
    assert mapped == [text or "" for text in cells] == _by_codes(mapped)


def test_what_is_made_of_it_is_a_plain_list() -> None:
    column = Coded.spread(["x", "y", "never"], np.array([1, 0, 1], dtype=np.uint8))
    assert column == ["y", "x", "y"]
    for plain in (column[:2], column * 2, column.copy(), sorted(column)):
        assert type(plain) is list


def test_a_copy_of_it_is_whole() -> None:
    column = Coded.of(["x", None])
    for same in (copy.deepcopy(column), pickle.loads(pickle.dumps(column))):  # noqa: S301 - made here
        assert same == column == _by_codes(same)
