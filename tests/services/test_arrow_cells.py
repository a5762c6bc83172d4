"""Arrow columns as cells: of every type, with and without missing values, whole or a part of a longer one."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pipelines.core.errors import PayloadError
from pipelines.core.values import is_missing
from services.prediction.tables import arrow_cells
from services.prediction.tables.arrow_cells import numbers_array, plain_cells, texts_array

MOMENT = dt.datetime(2013, 1, 31, 18, 0, 0, 250_000)
EAST = dt.timezone(dt.timedelta(hours=2))
NAN = float("nan")

CASES: list[tuple[pa.DataType, list[Any], list[Any]]] = [
    (pa.int8(), [1, None, -2], [1.0, NAN, -2.0]),
    (pa.uint64(), [2**64 - 1, None], [2**64 - 1, None]),
    (pa.int64(), [-(2**53) - 1, None], [-(2**53) - 1, None]),
    (pa.float16(), [np.float16(0.5), None], [0.5, NAN]),
    (pa.float32(), [0.1, None], [float(np.float32(0.1)), NAN]),
    (pa.float64(), [0.1, None, float("inf")], [0.1, NAN, float("inf")]),
    (pa.bool_(), [True, None, False], [True, None, False]),
    (pa.string(), ["a", None, "ü", "a"], ["a", None, "ü", "a"]),
    (pa.large_string(), ["a", None], ["a", None]),
    (pa.string_view(), ["a", None, "a text longer than twelve bytes"], ["a", None, "a text longer than twelve bytes"]),
    (pa.dictionary(pa.int8(), pa.string()), ["a", None, "a"], ["a", None, "a"]),
    (pa.dictionary(pa.uint32(), pa.int64()), [7, None], [7, None]),
    (
        pa.decimal128(30, 2),
        [Decimal("0.10"), None, Decimal("12345678901234567.01")],
        [0.1, None, 12345678901234567.01],
    ),
    (pa.null(), [None, None], [None, None]),
]
MOMENTS: list[tuple[pa.DataType, Any, str]] = [
    (pa.date32(), MOMENT.date(), "2013-01-31"),
    (pa.date64(), MOMENT.date(), "2013-01-31"),
    (pa.timestamp("s"), MOMENT.replace(microsecond=0), "2013-01-31T18:00"),
    (pa.timestamp("ms"), MOMENT, "2013-01-31T18:00:00.250"),
    (pa.timestamp("us"), MOMENT, "2013-01-31T18:00:00.250"),
    (pa.timestamp("ns"), MOMENT, "2013-01-31T18:00:00.250"),
    (pa.timestamp("us", "Europe/Berlin"), MOMENT.replace(tzinfo=EAST), "2013-01-31T16:00:00.250"),
]


def _same(found: Any, expected: list[Any]) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one == other or (is_missing(one) and is_missing(other))


@pytest.mark.parametrize(("kind", "values", "expected"), CASES, ids=lambda one: str(one)[:20])
def test_cells_are_plain(kind: pa.DataType, values: list[Any], expected: list[Any]) -> None:
    array = pa.array(values, kind)
    _same(plain_cells(array), expected)
    for start in range(len(values)):
        _same(plain_cells(array.slice(start)), expected[start:])
    _same(plain_cells(array.slice(len(values))), [])
    there = [place for place, value in enumerate(values) if value is not None]
    _same(plain_cells(pa.array([values[place] for place in there], kind)), [expected[place] for place in there])


@pytest.mark.parametrize(("kind", "value", "expected"), MOMENTS, ids=str)
def test_moments_are_in_utc(kind: pa.DataType, value: Any, expected: str) -> None:
    _check_moments(plain_cells(pa.array([None, value, value], kind)), expected)
    if not pa.types.is_date(kind):
        _check_moments(plain_cells(pa.array([None, value, value], kind).dictionary_encode()), expected)


def _check_moments(found: Any, expected: str) -> None:
    assert np.array(found, dtype="M8[us]").tolist()[1:] == [np.datetime64(expected, "us").item()] * 2
    assert np.isnat(np.datetime64(found[0] if found[0] is not None else "NaT"))


def test_columns_without_holes_stay_arrays() -> None:
    assert plain_cells(pa.array([1, 2], pa.int32())).dtype == np.int32  # type: ignore[union-attr]
    assert plain_cells(pa.array([True])).dtype == bool  # type: ignore[union-attr]


@pytest.mark.parametrize("kind", [pa.list_(pa.int8()), pa.struct([("a", pa.int8())]), pa.time32("s"), pa.binary()])
def test_what_no_cell_can_be_is_refused(kind: pa.DataType) -> None:
    with pytest.raises(PayloadError, match="none of numbers, texts"):
        plain_cells(pa.nulls(2, kind))


def test_a_moment_beyond_any_calendar_is_refused() -> None:
    with pytest.raises(PayloadError, match="calendar"):
        plain_cells(pa.array([2**62], pa.timestamp("s")))


def test_many_views_of_one_long_text_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrow_cells, "_MOST_BYTES", 100)
    with pytest.raises(PayloadError, match="too long"):
        plain_cells(pa.array(["x" * 60] * 2, pa.string_view()))


def test_columns_are_made_as_they_are_read() -> None:
    assert texts_array(["a", "", "ü"]).to_pylist() == ["a", "", "ü"]
    assert texts_array([]).to_pylist() == []
    for values in ([True, False, True] * 5, [1, -(2**40)], [0.5, 1e300]):
        array = numbers_array(np.array(values)[::-1])
        array.validate(full=True)
        assert array.to_pylist() == values[::-1]
