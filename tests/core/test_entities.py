"""Entities: the same text is the same entity, however it is asked for."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.coded import Coded
from pipelines.core.entities import Entities, texts_of

WORDS = st.sampled_from(["x", "y", "", None])
VALUES = st.one_of(st.none(), st.text(max_size=3), st.sampled_from([1.0, 12.0, 0.5, float("nan")]), st.integers(0, 12))


@given(st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=20))
def test_few_and_many_rows_find_the_same(rows: list[tuple[object, object]]) -> None:
    columns = {name: pd.Series([row[side] for row in rows], dtype=object) for side, name in enumerate("ab")}
    entities, codes = Entities.of(pd.DataFrame(columns), ("a", "b"))
    again = Entities.from_arrays(entities.to_arrays())
    few = again.find({name: list(values) for name, values in columns.items()}, len(rows))
    many = again.find({name: np.tile(values.to_numpy(), 70) for name, values in columns.items()}, 70 * len(rows))
    assert few.tolist() == codes.tolist() == many[: len(rows)].tolist()
    assert len(again) == len(set(codes.tolist()))


@given(st.lists(st.tuples(WORDS, WORDS, st.integers(0, 2)), min_size=1, max_size=8), st.sampled_from([1, 9]))
def test_coded_texts_are_found_as_plain_ones(rows: list[tuple[str | None, str | None, int]], times: int) -> None:
    columns = {name: [row[side] for row in rows] for side, name in enumerate("abc")}
    entities, _ = Entities.of(pd.DataFrame(columns).head(-2), ("a", "b", "c"))
    asked = {name: values * times for name, values in columns.items()}
    coded = {"a": Coded.of(asked["a"]), "b": Coded.of(asked["b"]), "c": np.array(asked["c"])}
    assert entities.find(coded, len(rows) * times).tolist() == entities.find(asked, len(rows) * times).tolist()


def test_missing_is_an_entity_and_unseen_is_none() -> None:
    entities, codes = Entities.of(pd.DataFrame({"a": [None, "x", float("nan")]}), ("a",))
    assert codes.tolist() == [0, 1, 0]
    assert entities.find({"a": ["y", None]}, 2).tolist() == [-1, 0]


def test_no_column_means_one_entity_of_all_rows() -> None:
    entities, codes = Entities.of(pd.DataFrame({"a": [1, 2]}), ())
    assert codes.tolist() == entities.find({}, 2).tolist() == [0, 0]


@given(st.lists(st.sampled_from([1.0, 12.0, 0.5, float("nan"), -0.0, 2.0**60, float("inf")])))
def test_numbers_have_the_texts_that_each_has_alone(values: list[float]) -> None:
    assert texts_of(np.array(values)) == texts_of(values)
    moments = np.array([int(value) if abs(value) < 99 else 5 for value in values], dtype="M8[us]")
    assert texts_of(moments) == texts_of(list(moments))
