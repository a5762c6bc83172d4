"""One set of verdicts on rows, whether they come as a frame or as the objects of a request.

A cell is *wrong* when it is no number, date or text where one is due, infinite, outside the declared range,
not of the declared categories, or missing where a value is required. What was merely never seen is not wrong.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.core.errors import Issue
from pipelines.core.kinds import (
    category_text,
    category_texts,
    describe,
    is_missing,
    plain_values,
    to_datetime,
    to_datetimes,
    to_number,
    to_numbers,
)
from pipelines.core.schema import Column, Contract

_NAT = np.datetime64("NaT", "us")
_NESTED = (list, dict, tuple, set, np.ndarray)
STRANGERS = 20  # unknown names that are told per row
HINTS = 20  # issues of a request after which no close name is looked for any more
_REQUIRED = "a value is required and it is missing"


@dataclass(frozen=True)
class Checked:
    """A frame as the contract types it; a wrong cell is missing there and named in `issues`.

    `frame` has the contract's columns in its order: numeric float64, datetime datetime64[us], else object of
    str and None. `issues` has `row` (position), `feature` and `message`.
    """

    frame: pd.DataFrame
    issues: pd.DataFrame


@dataclass(frozen=True)
class CheckedRows:
    """The rows of a request as the contract types them: per column a list of float, text or datetime64."""

    columns: dict[str, list[Any]]
    issues: tuple[Issue, ...]


def check(contract: Contract, frame: pd.DataFrame) -> Checked:
    """`frame` (n, any columns) typed and judged by the contract: an absent column is missing in every row.

    >>> columns = (Column(name="a", kind="numeric"),)
    >>> contract = Contract(problem="x", task="regression", target="y", columns=columns)
    >>> checked = check(contract, pd.DataFrame({"a": ["1", "x"]}))
    >>> checked.frame["a"].tolist(), checked.issues.to_dict("records")
    ([1.0, nan], [{'row': 1, 'feature': 'a', 'message': "expected a number, got 'x'"}])
    """
    typed: dict[str, NDArray[Any]] = {}
    issues: list[tuple[int, str, str]] = []
    for column in contract.columns:
        values = frame[column.name] if column.name in frame.columns else pd.Series([None] * len(frame), dtype=object)
        read, wrong = _check_column(column, values)
        typed[column.name] = read
        raw = plain_values(values) if wrong.any() else None
        for row in np.flatnonzero(wrong):
            message = _complaint(column, raw[row])  # type: ignore[index]
            issues.append((int(row), column.name, message))
    issues.sort(key=lambda issue: issue[0])
    return Checked(
        pd.DataFrame(typed, index=range(len(frame)), copy=False),
        pd.DataFrame(issues, columns=["row", "feature", "message"]),
    )


def check_rows(contract: Contract, rows: Sequence[Mapping[str, Any]]) -> CheckedRows:
    """The rows of a request, judged as `check` judges a frame; a name that no column has is an issue.

    >>> columns = (Column(name="a", kind="numeric"),)
    >>> contract = Contract(problem="x", task="regression", target="y", columns=columns)
    >>> check_rows(contract, [{"a": 1}, {"A": 2}]).issues
    (Issue(row=1, feature='A', message="unknown feature; did you mean 'a'?"),)
    """
    issues: list[Issue] = []
    known = contract.known_names
    fine: list[Mapping[str, Any]] = []
    for position, row in enumerate(rows):
        if not isinstance(row, Mapping):
            issues.append(Issue(position, "", f"expected an object of features, got {describe(row)}"))
            row = {}
        elif not known.issuperset(row):
            strangers = [str(name) for name in row if name not in known]
            issues += [_unknown(contract, position, name, len(issues) < HINTS) for name in strangers[:STRANGERS]]
        fine.append(row)
    columns: dict[str, list[Any]] = {}
    for column in contract.columns:
        read, nothing = _reader(column), _nothing(column)
        values: list[Any] = []
        for position, row in enumerate(fine):
            try:
                values.append(read(row.get(column.name)))
            except ValueError as error:
                values.append(nothing)
                issues.append(Issue(position, column.name, str(error)))
        columns[column.name] = values
    return CheckedRows(columns, tuple(sorted(issues, key=lambda issue: issue.row)))


def _check_column(column: Column, values: pd.Series) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """The typed values and the mask of the wrong ones, which are missing among the typed."""
    if column.kind == "numeric":
        numbers, wrong = to_numbers(values, column.boolean)
        wrong |= np.isinf(numbers)
        if column.minimum is not None:
            wrong |= numbers < column.minimum
        if column.maximum is not None:
            wrong |= numbers > column.maximum
        missing = np.isnan(numbers)
        read: NDArray[Any] = numbers
    elif column.kind == "datetime":
        read, wrong = to_datetimes(values, column.form)
        missing = np.isnat(read)
    else:
        read, wrong = category_texts(values), _nested(values)
        missing = pd.isna(read)
        if column.allowed is not None:
            wrong |= ~missing & ~pd.Series(read, dtype=object).isin(column.allowed).to_numpy()
    if column.required:
        wrong |= missing
    if wrong.any():
        read = np.where(wrong, _nothing(column), read)
    return read, wrong


def _nested(values: pd.Series) -> NDArray[np.bool_]:
    if values.dtype != object or not pd.api.types.infer_dtype(values, skipna=True).startswith("mixed"):
        return np.zeros(len(values), dtype=bool)
    return np.array([isinstance(value, _NESTED) for value in values], dtype=bool)


def _complaint(column: Column, value: Any) -> str:
    try:
        _reader(column)(value)
    except ValueError as error:
        return str(error)
    raise AssertionError(f"{column.name!r}: frame and row disagree on {describe(value)}")


def _reader(column: Column) -> Callable[[Any], Any]:
    if column.kind == "numeric":
        return lambda value: _read_number(column, value)
    if column.kind == "datetime":
        return lambda value: _read_datetime(column, value)
    return lambda value: _read_text(column, value)


def _nothing(column: Column) -> Any:
    return {"numeric": math.nan, "datetime": _NAT}.get(column.kind)


def _read_number(column: Column, value: Any) -> float:
    number = to_number(value, column.boolean)
    if number != number:
        if column.required:
            raise ValueError(_REQUIRED)
        return number
    if math.isinf(number):
        raise ValueError(f"expected a finite number, got {describe(value)}")
    if column.minimum is not None and number < column.minimum:
        raise ValueError(f"{number:g} is less than the minimum {column.minimum:g}")
    if column.maximum is not None and number > column.maximum:
        raise ValueError(f"{number:g} is more than the maximum {column.maximum:g}")
    return number


def _read_datetime(column: Column, value: Any) -> np.datetime64:
    moment = to_datetime(value, column.form)
    if column.required and is_missing(moment):
        raise ValueError(_REQUIRED)
    return moment


def _read_text(column: Column, value: Any) -> str | None:
    if isinstance(value, _NESTED):
        raise ValueError(f"expected a text, got {describe(value)}")
    text = category_text(value)
    if text is None:
        if column.required:
            raise ValueError(_REQUIRED)
    elif column.allowed is not None and text not in column.allowed:
        raise ValueError(f"{describe(value)} is none of the categories allowed: {_some(column.categories or [])}")
    return text


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")


def _unknown(contract: Contract, row: int, name: str, hinted: bool) -> Issue:
    """The issue of a name that is none of ours; looking for a close one is dear, so only the first ones get a hint."""
    if not hinted:
        return Issue(row, name, "unknown feature")
    asked = [column.name for column in contract.columns if column.asked]
    lower = {one.lower(): one for one in asked}
    close = [lower[one] for one in difflib.get_close_matches(name.lower(), lower, n=1)]
    hint = f"did you mean {close[0]!r}?" if close else f"the features are {_some(asked)}"
    return Issue(row, name, f"unknown feature; {hint}")
