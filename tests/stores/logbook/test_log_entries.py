"""Cells and frames keep what they are given."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import numpy as np

from pipelines.stores.logbook.log_entries import WINDOW_COLUMNS, as_utc, read_cell, window_frame, write_cell


def test_a_moment_with_a_zone_becomes_utc() -> None:
    there = timezone(timedelta(hours=2))
    assert as_utc(datetime(2013, 1, 1, 2, tzinfo=there)) == datetime(2013, 1, 1)
    assert as_utc(datetime(2013, 1, 1, tzinfo=UTC)) == as_utc(datetime(2013, 1, 1))


def test_cells_hold_numpy_values_and_nulls() -> None:
    cell = write_cell({"a": np.float64("nan"), "b": np.int64(3), "ü": "x\x00"})
    assert read_cell(cell) == {"a": None, "b": 3, "ü": "x\x00"}
    assert read_cell(None) is None


def test_an_empty_window_has_its_columns_and_types() -> None:
    frame = window_frame({})
    assert list(frame.columns) == WINDOW_COLUMNS
    assert frame["moment"].dtype == "datetime64[us]"
    assert frame["version"].dtype == "int64"
