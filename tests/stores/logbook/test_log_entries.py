"""Ids are unique and sort by time; cells and frames keep what they are given."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import numpy as np

from pipelines.stores.log_entries import WINDOW_COLUMNS, as_utc, new_id, read_cell, window_frame, write_cell


def test_ids_are_uuids_of_version_7_that_sort_by_time() -> None:
    ids = []
    for _ in range(3):
        ids.append(new_id())
        time.sleep(0.002)
    assert ids == sorted(ids)
    assert all(UUID(one).version == 7 and UUID(one).variant == "specified in RFC 4122" for one in ids)
    assert len({new_id() for _ in range(10_000)}) == 10_000


def test_a_moment_with_a_zone_becomes_utc() -> None:
    there = timezone(timedelta(hours=2))
    assert as_utc(datetime(2013, 1, 1, 2, tzinfo=there)) == datetime(2013, 1, 1)
    assert as_utc(datetime(2013, 1, 1, tzinfo=UTC)) == as_utc(datetime(2013, 1, 1))


def test_cells_hold_numpy_values_and_nulls() -> None:
    cell = write_cell({"a": np.float64("nan"), "b": np.int64(3), "ü": "x\x00"})
    assert read_cell(cell) == {"a": None, "b": 3, "ü": "x\x00"}
    assert read_cell(None) is None


def test_an_empty_window_has_its_columns_and_types() -> None:
    frame = window_frame([], [])
    assert list(frame.columns) == WINDOW_COLUMNS
    assert frame["moment"].dtype == "datetime64[us]"
    assert frame["version"].dtype == "int64"
