"""Arrow tables as plain pandas frames."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pipelines.stores.data.arrow_frames import plain_frame

DAY = dt.datetime(2013, 1, 1, 12)


@pytest.mark.parametrize(
    ("array", "dtype", "values"),
    [
        (pa.array([1, 2], pa.int8()), "int64", [1, 2]),
        (pa.array([1, None], pa.int64()), "float64", [1.0, np.nan]),
        (pa.array([2**60, None], pa.int64()), "object", [str(2**60), None]),
        (pa.array([2**64 - 1], pa.uint64()), "object", [str(2**64 - 1)]),
        (pa.array([None, None], pa.int64()), "float64", [np.nan, np.nan]),
        (pa.array([True, False]), "bool", [True, False]),
        (pa.array([True, None]), "object", [True, None]),
        (pa.array([Decimal("1.25"), None]), "float64", [1.25, np.nan]),
        (pa.array([Decimal(10**30)], pa.decimal128(38, 0)), "object", [str(10**30)]),
        (pa.array([1.5, None], pa.float32()), "float64", [1.5, np.nan]),
        (pa.array(["a", None], pa.large_string()), "object", ["a", None]),
        (pa.array(["a", None, "a"]).dictionary_encode(), "object", ["a", None, "a"]),
        (pa.array([None, None]), "object", [None, None]),
        (pa.array([b"a\xff", None]), "object", ["a�", None]),
        (pa.array([[1, 2], None]), "object", ["[1, 2]", None]),
        (pa.array([{"a": 1}]), "object", ["{'a': 1}"]),
        (pa.array([dt.date(2013, 1, 1), None]), "datetime64[us]", [pd.Timestamp(2013, 1, 1), pd.NaT]),
        (pa.array([DAY], pa.timestamp("ns")), "datetime64[us]", [pd.Timestamp(DAY)]),
        (pa.array([DAY], pa.timestamp("s", "America/New_York")), "datetime64[us]", [pd.Timestamp(DAY)]),
        (pa.array([], pa.timestamp("us")), "datetime64[us]", []),
    ],
)
def test_each_type_has_a_plain_one(array: pa.Array, dtype: str, values: list[Any]) -> None:
    series = plain_frame(pa.table({"a": array}))["a"]
    assert series.dtype == dtype
    pd.testing.assert_series_equal(series, pd.Series(values, dtype=dtype, name="a"))


def test_repeated_names_keep_their_columns() -> None:
    frame = plain_frame(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]))
    assert frame.columns.tolist() == ["a", "a"]
    assert frame.to_numpy().tolist() == [[1, 2]]
