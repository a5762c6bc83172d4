"""Timelines: events in the order in which they became known, whatever order they came in."""

from __future__ import annotations

import numpy as np

from pipelines.core.timelines import SUMS, Timeline, seconds_of


def test_missing_values_and_moments_are_no_events() -> None:
    known = np.array(["2024-01-01", "NaT", "2024-01-01"], "M8[us]")
    line = Timeline.of(0, np.zeros(3, dtype=np.int64), np.array([np.nan, 1.0, 2.0]), known, 1)
    assert line.last.tolist() == [2.0]


def test_sums_restart_at_each_entity() -> None:
    known = np.array(["2024-01-02", "2024-01-01", "2024-01-01", "2024-01-03"], "M8[us]")
    line = Timeline.of(3, np.array([1, 1, 0, 1]), np.array([5.0, 2.0, 9.0, 4.0]), known, 3)
    assert line.last.tolist() == [9.0, 2.0, 5.0, 4.0]
    assert line.shift.tolist() == [9.0, 2.0, 0.0]
    assert line.total.tolist() == [0.0, 0.0, 3.0, 5.0]
    assert line.squares.tolist() == [0.0, 0.0, 9.0, 13.0]
    assert line.starts.tolist() == [0, 1, 4]
    assert all(len(getattr(line, name)) == 4 for name in SUMS)


def test_seconds_round_down_before_1970_too() -> None:
    assert seconds_of(np.array([-1, 1_999_999]).view("M8[us]")).tolist() == [-1, 1]
