"""Windows: open at both ends, precise, and the same bit for bit for one row and for many."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core import windows
from pipelines.core.timelines import Timeline, seconds_of
from pipelines.core.windows import Wanted, Windows

DAY = 86_400
HOWS = ("count", "mean", "sum", "std", "last")


def _line(values: list[float], days: list[int], codes: list[int] | None = None, entities: int = 1) -> Timeline:
    known = (np.array(days, dtype=np.int64) * DAY * 1_000_000).view("M8[us]")
    return Timeline.of(
        0, np.array(codes or [0] * len(days), dtype=np.int64), np.array(values, dtype=float), known, entities
    )


def _windows(lines: list[Timeline], groups: list[int], wanted: list[Wanted]) -> Windows:
    series = list(range(len(lines)))
    return Windows(lines[0].moments, series, groups, wanted, lambda number, field: getattr(lines[number], field))


def _ask(line: Timeline, how: str, day: int, window: int) -> float:
    return _windows([line], [0], [Wanted("x", how, window * DAY, 0)]).one([0], day * DAY)[0]


@pytest.mark.parametrize(("day", "window", "count"), [(3, 9, 2), (4, 9, 3), (3, 2, 1), (1, 9, 0), (9, 2, 0)])
def test_a_window_is_open_at_both_ends(day: int, window: int, count: int) -> None:
    assert _ask(_line([1.0, 2.0, 3.0], [1, 2, 3]), "count", day, window) == count


def test_small_deviations_of_large_numbers_survive() -> None:
    line = _line([1e9 + 1, 1e9 + 2, 1e9 + 3], [1, 2, 3])
    assert _ask(line, "std", 9, 99) == 1.0
    assert _ask(line, "mean", 9, 99) == 1e9 + 2


NUMBERS = st.one_of(
    st.floats(allow_nan=False), st.sampled_from([0.1, 1e308, -1e308, 1e-300, 0.0, -0.0]), st.integers(-9, 9).map(float)
)


@st.composite
def _tables(draw: st.DrawFn) -> tuple[Windows, list[np.ndarray], np.ndarray]:
    """Two series over the same moments, by two groups of entities; every aggregate over windows of three lengths."""
    count, rows = draw(st.integers(0, 12)), draw(st.integers(1, 9))

    def some(values: Any, size: int) -> list[Any]:
        return draw(st.lists(values, min_size=size, max_size=size))

    days, values = some(st.integers(0, 6), count), some(NUMBERS, count)
    lines = [
        _line(values, days, some(st.integers(0, 2), count), 3),
        _line(values, days, some(st.integers(0, 1), count), 2),
    ]
    wanted = [
        Wanted(f"{how}{span}{series}", how, span * DAY, series)
        for how in HOWS
        for span in draw(st.sets(st.sampled_from([1, 3, 99]), min_size=1))
        for series in (0, 1)
    ]
    codes = [np.array(some(st.integers(-1, most), rows)) for most in (2, 1)]
    moments = np.array(some(st.integers(-2, 8), rows)) * DAY + np.array(some(st.integers(-1, 1), rows))
    return _windows(lines, [0, 1], draw(st.permutations(wanted))), codes, moments


@given(_tables())
def test_one_row_and_many_are_the_same_bit_for_bit(table: tuple[Windows, list[np.ndarray], np.ndarray]) -> None:
    asked, codes, moments = table
    many = asked.many(codes, moments)
    for row, moment in enumerate(moments.tolist()):
        alone = np.array(asked.one([one[row] for one in codes], moment))
        missing = np.isnan(alone)
        np.testing.assert_array_equal(missing, np.isnan(many[:, row]))
        assert alone[~missing].tobytes() == many[~missing, row].tobytes()


@given(_tables())
def test_what_is_written_is_read_back(table: tuple[Windows, list[np.ndarray], np.ndarray]) -> None:
    asked, codes, moments = table
    arrays = asked.to_arrays()
    again = Windows(
        asked.moments, asked.series, [0, 1], asked._wanted, lambda number, field: arrays[f"series.{number}.{field}"]
    )
    np.testing.assert_array_equal(again.many(codes, moments), asked.many(codes, moments))


def test_rounds_of_rows_join_seamlessly(monkeypatch: pytest.MonkeyPatch) -> None:
    line = _line([1.0, 2.0, 4.0], [1, 2, 3])
    asked = _windows([line], [0], [Wanted("a", "mean", 9 * DAY, 0), Wanted("b", "count", DAY, 0)])
    codes, moments = [np.zeros(50, dtype=np.int64)], np.arange(50) * DAY
    whole = asked.many(codes, moments)
    monkeypatch.setattr(windows, "_AT_ONCE", 7)
    np.testing.assert_array_equal(asked.many(codes, moments), whole)


def test_only_what_is_needed_is_kept() -> None:
    line = _line([1.0, 2.0], [1, 2])
    assert _windows([line], [0], [Wanted("n", "count", DAY, 0)]).fields == []
    assert _windows([line], [0], [Wanted("n", "std", DAY, 0), Wanted("l", "last", DAY, 0)]).fields == [
        *("last", "squares", "total")
    ]


def test_sums_that_overflow_are_told_alike() -> None:
    asked = _windows([_line([1e308, 1e308, -1e308], [1, 2, 3])], [0], [Wanted("s", how, 9 * DAY, 0) for how in HOWS])
    alone = asked.one([0], 9 * DAY)
    many = asked.many([np.zeros(9, dtype=np.int64)], np.full(9, 9 * DAY))
    np.testing.assert_array_equal(many[:, 0], alone)
    assert seconds_of(np.array([0]).view("M8[us]")).tolist() == [0]


def test_keys_too_large_for_half_the_room_are_searched_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    line = _line([1.0, 2.0, 4.0, 8.0], [1, 2, 3, 4], [0, 1, 0, 1], entities=2)
    wanted = [Wanted("x", "sum", 9 * DAY, 0)]
    small = _windows([line], [0], wanted)
    monkeypatch.setattr(windows, "_small", lambda keys, most: keys)
    large = _windows([line], [0], wanted)
    assert (small.keys.dtype, large.keys.dtype) == (np.int32, np.int64)
    codes, moments = [np.array([0, 1, 1, -1])], np.array([4, 4, 9, 4]) * DAY
    assert small.many(codes, moments).tolist()[0][:3] == large.many(codes, moments).tolist()[0][:3] == [5.0, 2.0, 10.0]
    for name, values in large.to_arrays().items():
        assert values.dtype == small.to_arrays()[name].dtype, name
        assert np.array_equal(values, small.to_arrays()[name]), name


def test_many_are_found_in_their_order_where_each_alone_is() -> None:
    random = np.random.default_rng(0)
    line = _line(random.normal(size=400).tolist(), random.integers(1, 300, 400).tolist(), entities=1)
    asked = _windows([line], [0], [Wanted("a", "mean", 9 * DAY, 0), Wanted("l", "last", 30 * DAY, 0)])
    moments = random.integers(0, 320, 2_000) * DAY
    many = asked.many([np.zeros(len(moments), dtype=np.int64)], moments)
    alone = [asked.one([0], moment) for moment in moments.tolist()]
    np.testing.assert_array_equal(many.T, alone)
