"""Timelines: windows are open at both ends, and sums keep their precision."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.core.timelines import Timeline, seconds_of

DAY = 86_400


def _line(values: list[float], days: list[int]) -> Timeline:
    known = (np.array(days) * DAY * 1_000_000).view("M8[us]")
    return Timeline.of(0, np.zeros(len(days), dtype=np.int64), np.array(values), known, 1)


def _ask(line: Timeline, how: str, day: int, window: int) -> float:
    code, moment = np.zeros(1, dtype=np.int64), np.array([day * DAY])
    return float(line.aggregate(how, code, *line.ranges(code, moment, window * DAY))[0])


@pytest.mark.parametrize(("day", "window", "count"), [(3, 9, 2), (4, 9, 3), (3, 2, 1), (1, 9, 0), (9, 2, 0)])
def test_a_window_is_open_at_both_ends(day: int, window: int, count: int) -> None:
    assert _ask(_line([1.0, 2.0, 3.0], [1, 2, 3]), "count", day, window) == count


def test_small_deviations_of_large_numbers_survive() -> None:
    line = _line([1e9 + 1, 1e9 + 2, 1e9 + 3], [1, 2, 3])
    assert _ask(line, "std", 9, 99) == 1.0
    assert _ask(line, "mean", 9, 99) == 1e9 + 2


def test_missing_values_and_moments_are_no_events() -> None:
    known = np.array(["2024-01-01", "NaT", "2024-01-01"], "M8[us]")
    line = Timeline.of(0, np.zeros(3, dtype=np.int64), np.array([np.nan, 1.0, 2.0]), known, 1)
    assert line.last.tolist() == [2.0]


def test_seconds_round_down_before_1970_too() -> None:
    assert seconds_of(np.array([-1, 1_999_999]).view("M8[us]")).tolist() == [-1, 1]
