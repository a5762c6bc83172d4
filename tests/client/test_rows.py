from __future__ import annotations

import json
from collections import namedtuple
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pytest
from ratchet_client.errors import InvalidRows
from ratchet_client.rows import as_rows, batches, encode


def sent(rows: Any) -> Any:
    return json.loads(encode("instances", list(as_rows(rows))))["instances"]


def test_values_are_sent_as_what_they_mean() -> None:
    row = {
        "text": "größe \"m²\"", "none": None, "whole": 2**53 + 1, "yes": True, "number": 0.1,
        "nan": float("nan"), "numpy nan": np.float64("nan"), "nat": pd.NaT, "na": pd.NA,
        "numpy nat": np.datetime64("NaT"), "single": np.float32(0.5), "int": np.int64(7), "bool": np.bool_(True),
        "str": np.str_("x"), "zero-d": np.array(3), "day": date(2013, 3, 1),
        "zoned": datetime(2013, 3, 1, 7, tzinfo=UTC), "naive": datetime(2013, 3, 1, 7, 0, 0, 5),
        "stamp": pd.Timestamp("2013-03-01T07:30:00.000001"), "ns": np.datetime64("2013-03-01T07:30:00.000000999", "ns"),
        "decimal": Decimal("1.5"), "uuid": UUID(int=1),
    }  # fmt: skip
    assert sent(row) == [
        {
            "text": "größe \"m²\"", "none": None, "whole": 2**53 + 1, "yes": True, "number": 0.1,
            "nan": None, "numpy nan": None, "nat": None, "na": None, "numpy nat": None,
            "single": 0.5, "int": 7, "bool": True, "str": "x", "zero-d": 3,
            "day": "2013-03-01", "zoned": "2013-03-01T07:00:00+00:00", "naive": "2013-03-01T07:00:00.000005",
            "stamp": "2013-03-01T07:30:00.000001", "ns": "2013-03-01T07:30:00",
            "decimal": 1.5, "uuid": "00000000-0000-0000-0000-000000000001",
        }
    ]  # fmt: skip


def test_numbers_keep_every_bit() -> None:
    values = np.random.default_rng(0).normal(size=50) * 10.0 ** np.arange(-25, 25)
    assert [row["a"] for row in sent([{"a": value} for value in values])] == values.tolist()


def test_tables_and_their_rows_are_taken_as_they_are() -> None:
    frame = pd.DataFrame({"a": [1.0, None], "b": ["x", None], "at": pd.to_datetime(["2013-03-01", None])})
    first = {"a": 1.0, "b": "x", "at": "2013-03-01T00:00:00"}
    whole = [first, {"a": None, "b": None, "at": None}]
    assert sent(frame) == whole
    assert sent(frame.iloc[0]) == [first]
    assert sent([row for _, row in frame.iterrows()]) == whole
    assert sent(frame.itertuples(index=False)) == whole
    assert sent(iter([namedtuple("Row", "a b")(1, None)])) == [{"a": 1, "b": None}]

    class Polars:
        def to_dicts(self) -> list[dict[str, Any]]:
            return whole

    assert sent(Polars()) == whole


@pytest.mark.parametrize("endless", [float("inf"), np.float64("-inf"), np.float32("inf"), Decimal("Infinity")])
def test_an_infinite_number_is_named_by_its_row_in_the_call(endless: Any) -> None:
    with pytest.raises(InvalidRows, match="row 1001, feature 'a': an infinite number") as caught:
        encode("instances", [{"a": float("nan")}, {"a": endless}], start=1000)
    assert [(one.row, one.feature) for one in caught.value.issues] == [(1001, "a")]


@pytest.mark.parametrize("rows", ["text", b"bytes", 7, ["a"], [["a", 1]]])
def test_what_is_no_row_is_told_at_once(rows: Any) -> None:
    with pytest.raises(TypeError, match="mapping"):
        sent(rows)


def test_what_cannot_be_sent_is_told_by_its_type() -> None:
    with pytest.raises(TypeError, match="type set cannot be sent"):
        sent({"a": {1}})
    with pytest.raises(TypeError, match="type ndarray cannot be sent"):
        sent({"a": np.arange(3)})


def test_batches_lose_nothing() -> None:
    assert [len(one) for one in batches(range(7), 3)] == [3, 3, 1]
    assert [item for batch in batches(iter(range(7)), 3) for item in batch] == list(range(7))
    assert list(batches([], 3)) == []
