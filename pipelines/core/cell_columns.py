"""A whole column of a request, read as its cells are one by one, and at the speed of arrays where it can be."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.core.cells import NAT, nothing, quick_reader, read_cell
from pipelines.core.coded import Coded
from pipelines.core.moments import microseconds_of
from pipelines.core.schema import Column
from pipelines.core.values import category_text, reason_of

Wrong = list[tuple[int, str]]
"""Positions of wrong cells, each with what is wrong."""
Values = list[Any] | NDArray[Any]
_FEW = 24  # cells up to which coding them costs more than it saves
_NUMBERS = {float, int, type(None)}
_TEXTS = {str, type(None)}
_STAMPS = (10, 19, 26)  # a day; with its time; with microseconds
_STAMP = (  # the least and the largest character at each place; NumPy takes a blank or a T between day and time
    np.frombuffer(b"0000-00-00 00:00:00.000000", dtype=np.uint8),
    np.frombuffer(b"9999-99-99T99:99:99.999999", dtype=np.uint8),
)
_FIRST = np.datetime64("0001-01-01", "us")
_NO_TIME = int(NAT.view(np.int64))


def read_column(column: Column, values: Values, read: Callable[[Any], Any] | None = None) -> tuple[Values, Wrong]:
    """The column typed (a wrong cell is missing), and the wrong ones; `read`: the column's reader if it is at hand.

    >>> read_column(Column(name="a", kind="numeric", minimum=0), np.array([1, -2]))
    (array([ 1., nan]), [(1, 'less than the minimum 0')])
    """
    kind = values.dtype.kind if isinstance(values, np.ndarray) else "O"
    if column.kind == "numeric" and (kind in "iuf" or (kind == "b" and column.boolean)):
        return _judge_numbers(column, values, np.asarray(values, dtype=np.float64))
    if column.kind == "datetime" and kind == "M":
        moments = np.asarray(values).astype("datetime64[us]")
        return _judge_moments(column, values, moments)
    if column.kind in ("categorical", "text") and kind in "iufbM":
        return _read_distinct_texts(column, np.asarray(values))
    cells = cells_of(values)
    types = set(map(type, cells.distinct if isinstance(cells, Coded) else cells))
    if column.kind == "numeric" and types <= _NUMBERS:
        try:
            return _judge_numbers(column, cells, np.array(cells, dtype=np.float64))
        except OverflowError:  # an integer beyond every float
            return _read_each(column, cells, read)
    if column.kind in ("categorical", "text") and types <= _TEXTS:
        return _judge_texts(column, cells, read)
    if column.kind == "datetime" and types <= _TEXTS:
        return _read_distinct_moments(column, cells, read)
    return _read_each(column, cells, read)


def cells_of(values: Values) -> list[Any]:
    """The cells one by one, as plain objects; datetime64 and the like stay what they are."""
    if isinstance(values, list):
        return values
    return values.tolist() if values.dtype.kind in "iufbUO" else list(values)


def _judge_numbers(column: Column, cells: Values, numbers: NDArray[np.float64]) -> tuple[Values, Wrong]:
    low = -math.inf if column.minimum is None else column.minimum
    high = math.inf if column.maximum is None else column.maximum
    if len(numbers) and _within(numbers, low, high, column.required):
        return numbers, []
    missing = np.isnan(numbers)
    wrong = np.isinf(numbers) | ~(missing | ((numbers >= low) & (numbers <= high)))
    if column.required:
        wrong |= missing
    return _without(column, cells, numbers, wrong)


def _within(numbers: NDArray[np.float64], low: float, high: float, required: bool) -> bool:
    """Whether nothing can be wrong by the least and the largest number alone: two looks instead of ten."""
    least, largest = (numbers.min(), numbers.max()) if required else (np.fmin.reduce(numbers), np.fmax.reduce(numbers))
    if math.isnan(least):  # a missing one among those that must be there, or nothing but missing ones
        return not required
    return bool(low <= least and largest <= high and math.isfinite(least) and math.isfinite(largest))


def _judge_moments(column: Column, cells: Values, moments: NDArray[Any]) -> tuple[Values, Wrong]:
    wrong = np.isnat(moments) if column.required else np.zeros(len(moments), dtype=bool)
    return _without(column, cells, moments, wrong)


def _judge_texts(column: Column, cells: list[Any], read: Callable[[Any], Any] | None) -> tuple[Values, Wrong]:
    """Each text is judged once; many come back coded, for whoever works with them."""
    if len(cells) > _FEW and not isinstance(cells, Coded):
        cells = Coded.of(cells)
    distinct = cells.distinct if isinstance(cells, Coded) else set(cells)
    anything = column.allowed is None and not column.required
    return (cells, []) if anything or all(_fine(column, text) for text in distinct) else _read_each(column, cells, read)


def _fine(column: Column, text: str | None) -> bool:
    if text is None:
        return not column.required
    return column.allowed is None or text in column.allowed


def _read_distinct_texts(column: Column, values: NDArray[Any]) -> tuple[Values, Wrong]:
    """The category texts of an array of numbers, booleans or moments, each made once."""
    distinct, codes = np.unique(values, return_inverse=True)
    texts = np.empty(len(distinct), dtype=object)
    texts[:] = [category_text(value) for value in distinct]
    bad = np.array([not _fine(column, text) for text in texts], dtype=bool)
    return _without(column, values, texts[codes], bad[codes])


def _read_distinct_moments(column: Column, cells: list[Any], read: Callable[[Any], Any] | None) -> tuple[Values, Wrong]:
    """The moments that texts name, each text read once."""
    if (stamps := _stamps(cells)) is not None:
        return stamps, []
    distinct = list(set(cells))
    at_once = None if column.required and None in distinct else _iso_moments(distinct)
    if at_once is not None:
        place = {cell: number for number, cell in enumerate(distinct)}
        return at_once[[place[cell] for cell in cells]], []
    moments, wrong = _read_each(column, distinct, read)
    strange = {distinct[position]: message for position, message in wrong}
    found = dict(zip(distinct, moments, strict=True))
    out = np.array([found[cell] for cell in cells], dtype="datetime64[us]")
    return out, [(row, strange[cell]) for row, cell in enumerate(cells) if cell in strange] if strange else []


def _stamps(cells: list[Any]) -> NDArray[np.datetime64] | None:
    """The moments of texts such as 2013-01-31T18:00:00, all of one length and none missing; else None.

    Every character is looked at, all texts at once, and NumPy refuses what no calendar has.
    """
    sizes = set(map(len, cells)) if cells and None not in cells else set()
    if len(sizes) != 1 or (size := sizes.pop()) not in _STAMPS:
        return None
    try:
        text = "".join(cells).encode("ascii")
        letters = np.frombuffer(text, dtype=np.uint8).reshape(len(cells), size)
        if (letters.min(axis=0) < _STAMP[0][:size]).any() or (letters.max(axis=0) > _STAMP[1][:size]).any():
            return None
        moments = np.frombuffer(text, dtype=f"S{size}").astype("datetime64[us]")
    except ValueError:  # letters of elsewhere, a thirteenth month
        return None
    return moments if moments.min() >= _FIRST else None


def _iso_moments(cells: list[Any]) -> NDArray[np.datetime64] | None:
    """The moments of dates written year-month-day, None among them, without a zone or in UTC; else None."""
    if any(cell is not None and not cell[4:5] == "-" == cell[7:8] for cell in cells):
        return None
    try:
        moments = [None if cell is None else datetime.fromisoformat(cell) for cell in cells]
    except ValueError:
        return None
    zones = {moment.tzinfo for moment in moments if moment is not None}
    if not zones <= {None, UTC}:
        return None
    if UTC in zones:
        moments = [None if moment is None else moment.replace(tzinfo=None) for moment in moments]
    counts = [_NO_TIME if moment is None else microseconds_of(moment) for moment in moments]
    return np.array(counts, dtype=np.int64).view("datetime64[us]")


def _read_each(column: Column, cells: list[Any], read: Callable[[Any], Any] | None) -> tuple[Values, Wrong]:
    read = read or quick_reader(column)
    typed: list[Any] = []
    wrong: Wrong = []
    missing = nothing(column)
    for row, cell in enumerate(cells):
        try:
            typed.append(read(cell))
        except ValueError as error:
            typed.append(missing)
            wrong.append((row, reason_of(error)))
    return typed, wrong


def _without(column: Column, cells: Values, typed: NDArray[Any], wrong: NDArray[np.bool_]) -> tuple[Values, Wrong]:
    """The typed column with nothing in the place of wrong cells, and the message of each of these."""
    if not wrong.any():
        return typed, []
    rows = np.flatnonzero(wrong).tolist()
    missing = nothing(column)
    kept = typed.copy()
    kept[wrong] = missing
    return kept, [(row, _complaint(column, cells[row])) for row in rows]


def _complaint(column: Column, cell: Any) -> str:
    try:
        read_cell(column, cell)
    except ValueError as error:
        return reason_of(error)
    raise AssertionError(f"{column.name!r}: the column and the cell disagree")
