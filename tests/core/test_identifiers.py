"""Columns that name a row or an entity."""

import numpy as np
import pandas as pd
import pytest

from pipelines.core.identifiers import choose_key, identifies_an_entity, identifies_rows, is_named_id

N = np.arange(100)


def test_a_unique_column_that_calls_itself_an_id_becomes_the_key() -> None:
    frame = pd.DataFrame({"x": N, "group_id": N // 2, "order_id": N * 7 + 3, "other_id": N})
    assert choose_key(frame, frame.columns) == "order_id"
    assert choose_key(frame, ["x", "group_id"]) is None
    assert choose_key(frame.head(10), frame.columns) is None  # ten rows prove nothing
    assert choose_key(frame.assign(order_id=[None, *N[1:]], other_id=1), frame.columns) is None


@pytest.mark.parametrize(
    ("name", "values", "kind", "identifies"),
    [
        ("row", N, "numeric", True),
        ("year", N + 1900, "numeric", False),
        ("order_id", N * 3 + 5, "numeric", True),
        ("income", N * 3 + 5, "numeric", False),
        ("price", N / 7, "numeric", False),
        ("hash", [f"{n:064x}" for n in N], "text", True),
        ("plate", [f"AB {n}" for n in N], "categorical", True),
        ("city", ["Bonn", "Ulm"] * 50, "categorical", False),
        ("comment", [f"it was the number {n}" for n in N], "text", False),
        ("when", pd.date_range("2013-01-01", periods=100), "datetime", False),
    ],
)
def test_what_only_tells_rows_apart(name: str, values: object, kind: str, identifies: bool) -> None:
    assert (identifies_rows(pd.Series(values, name=name), kind) is not None) is identifies


def test_a_group_is_named_with_what_to_do() -> None:
    customers = pd.Series(N // 2, name="customer_id")
    assert "split.groups" in str(identifies_an_entity(customers, "numeric"))
    assert identifies_an_entity(customers.rename("age"), "numeric") is None
    assert identifies_an_entity(pd.Series(N % 5, name="store_id"), "numeric") is None  # a few: a category
    assert identifies_an_entity(pd.Series(N / 3, name="paid Id"), "numeric") is None


def test_lists_have_no_hash_and_are_no_key() -> None:
    frame = pd.DataFrame({"id": [[n] for n in N]})
    assert choose_key(frame, ["id"]) is None


def test_names_that_only_end_in_id_are_no_ids() -> None:
    assert not any(map(is_named_id, ("humid", "paid", "grid", "valid", "Madrid")))
    assert all(map(is_named_id, (" ID ", "user.id", "user-uuid", "userId", "GUID")))


def test_an_index_that_was_written_without_a_name_counts_the_rows() -> None:
    index = pd.Series([*map(float, range(5, 50)), None], name="Unnamed: 0")
    assert identifies_rows(index, "numeric") == "it counts the rows"
    assert identifies_rows(index.rename("age"), "numeric") is None
