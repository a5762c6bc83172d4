"""One set of verdicts on rows, whether they come as a frame (here) or in a request (`core/request_rows.py`).

A cell is *wrong* when it is no number, date or text where one is due, infinite, outside the declared range,
not of the declared categories, or missing where a value is required. What was merely never seen is not wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.core.cells import NESTED, nothing, read_cell
from pipelines.core.kinds import category_texts, describe, plain_values, to_datetimes, to_numbers
from pipelines.core.schema import Column, Contract


@dataclass(frozen=True)
class Checked:
    """A frame as the contract types it; a wrong cell is missing there and named in `issues`.

    `frame` has the contract's columns in its order: numeric float64, datetime datetime64[us], else object of
    str and None. `issues` has `row` (position), `feature` and `message`.
    """

    frame: pd.DataFrame
    issues: pd.DataFrame


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
        read, wrong = check_column(column, values)
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


def check_column(column: Column, values: pd.Series) -> tuple[NDArray[Any], NDArray[np.bool_]]:
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
        read = np.where(wrong, nothing(column), read)
    return read, wrong


def _nested(values: pd.Series) -> NDArray[np.bool_]:
    if values.dtype != object or not pd.api.types.infer_dtype(values, skipna=True).startswith("mixed"):
        return np.zeros(len(values), dtype=bool)
    return np.array([isinstance(value, NESTED) for value in values], dtype=bool)


def _complaint(column: Column, value: Any) -> str:
    try:
        read_cell(column, value)
    except ValueError as error:
        return str(error)
    raise AssertionError(f"{column.name!r}: frame and row disagree on {describe(value)}")
