"""What one value stands for."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from pipelines.core.values import category_text, describe, is_missing, to_datetime, to_number


@pytest.mark.parametrize("value", [None, float("nan"), np.nan, pd.NA, pd.NaT, np.datetime64("NaT"), Decimal("NaN")])
def test_every_kind_of_nothing_is_missing(value: object) -> None:
    assert is_missing(value)
    assert category_text(value) is None
    assert math.isnan(to_number(value))
    assert np.isnat(to_datetime(value))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (np.bool_(False), "false"),
        (12, "12"),
        (np.int64(-3), "-3"),
        (12.0, "12"),
        (-0.0, "0"),
        (np.float32(0.5), "0.5"),
        (1e300, "1e+300"),
        (10**30, str(10**30)),
        (Decimal("12.50"), "12.5"),
        (float("inf"), "inf"),
        ("  x ", "  x "),
        ("", ""),
        (dt.date(2013, 1, 2), "2013-01-02"),
        (np.datetime64("2013-01-02T03:04:05", "us"), "2013-01-02T03:04:05"),
        (np.datetime64("2013-01-02T03:04:05.5", "ms"), "2013-01-02T03:04:05.500000"),
        (np.datetime64("2013-01-02T03:04:05.000000007", "ns"), "2013-01-02T03:04:05.000000007"),
        (np.datetime64("2013-01-02", "D"), "2013-01-02T00:00:00"),
        (pd.Timestamp("2013-01-02T03:04:05.000000007"), "2013-01-02T03:04:05.000000007"),
        (dt.datetime(2013, 1, 2, 3, tzinfo=dt.timezone(dt.timedelta(hours=2))), "2013-01-02T01:00:00"),
        (b"\xff", "�"),
    ],
)
def test_a_category_has_one_text(value: object, text: str) -> None:
    assert category_text(value) == text


@pytest.mark.parametrize(
    ("value", "number"),
    [("1e3", 1000.0), (" -2 ", -2.0), (10**400, math.inf), (-(10**400), -math.inf), (Decimal("0.5"), 0.5)],
)
def test_numbers_are_read(value: object, number: float) -> None:
    assert to_number(value) == number


@pytest.mark.parametrize("value", ["x", "1_000", "1,5", True, [1], {"a": 1}, dt.date(2013, 1, 1)])
def test_what_is_no_number_says_so(value: object) -> None:
    with pytest.raises(ValueError, match="expected a number, got"):
        to_number(value)


def test_booleans_are_numbers_only_where_the_column_holds_them() -> None:
    assert to_number(True, booleans=True) == 1.0


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2013-01-31", "2013-01-31"),
        ("2013-01-31T18:00:00Z", "2013-01-31T18:00"),
        ("2013-01-31 18:00:00.5+02:00", "2013-01-31T16:00:00.5"),
        ("20130131", "2013-01-31"),
        (20130131, "2013-01-31"),
        (2013, "2013-01-01"),
        (1_359_655_200, "2013-01-31T18:00"),
        (1_359_655_200_000, "2013-01-31T18:00"),
        (dt.date(2013, 1, 31), "2013-01-31"),
        (pd.Timestamp("2013-01-31 18:00", tz="UTC"), "2013-01-31T18:00"),
    ],
)
def test_moments_are_read(value: object, moment: str) -> None:
    assert to_datetime(value) == np.datetime64(moment, "us")


@pytest.mark.parametrize("value", ["soon", "2013-13-01", "12", True, [1], b"2013-01-01", 1e300])
def test_what_is_no_moment_says_so(value: object) -> None:
    with pytest.raises(ValueError, match="expected a date or a time"):
        to_datetime(value)


def test_a_description_never_runs_long() -> None:
    assert len(describe("x" * 10_000)) < 50
    assert describe({"secret": 1}) == "an object"
    assert describe(np.float64(1.5)) == "1.5"
