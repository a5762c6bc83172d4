"""The rows of a request, judged by the contract: no pandas, and no more work per cell than it needs.

The verdicts are those of `core/contract_rows.py` on a frame with the same cells.
"""

from __future__ import annotations

import difflib
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import numpy as np

from pipelines.core.cell_columns import Values, read_column
from pipelines.core.cells import nothing, quick_reader, some
from pipelines.core.errors import Issue, PayloadError
from pipelines.core.schema import Column, Contract
from pipelines.core.values import WrongValue, reason_of

STRANGERS = 20  # unknown names that are told per row
HINTS = 20  # issues of a request after which no close name is looked for any more
_FEW = 64  # rows up to which cells are read one by one: whole columns are faster beyond
_Reader = tuple[str, Callable[[Any], Any], Column]


@dataclass(frozen=True, slots=True)
class CheckedRows:
    """The rows of a request as the contract types them.

    `columns` has a list or an array for each column: of float, of datetime64[us], or of text and None.
    """

    columns: dict[str, Any]
    issues: tuple[Issue, ...]


def check_rows(contract: Contract, rows: Sequence[Mapping[str, Any]]) -> CheckedRows:
    """The rows of a request, judged as `check` judges a frame; a name that no column has is an issue.

    >>> columns = (Column(name="a", kind="numeric"),)
    >>> contract = Contract(problem="x", task="regression", target="y", columns=columns)
    >>> check_rows(contract, [{"a": 1}, {"A": 2}]).issues
    (Issue(row=1, feature='A', message="unknown feature; did you mean 'a'?"),)
    """
    known = contract.known_names
    if len(rows) > _FEW:
        columns = _turned(rows)
        if columns is not None and known.issuperset(columns):
            return _check_table(contract, columns, len(rows), [])
    for row in rows:
        if type(row) is not dict or not known.issuperset(row):
            return _check_odd_rows(contract, rows)
    return _check_objects(contract, rows, [])


def check_columns(contract: Contract, columns: Mapping[str, Any], count: int) -> CheckedRows:
    """`count` rows given by columns (lists or one-dimensional arrays), judged as `check_rows` judges the same cells.

    A column that the contract does not know is an issue of row 0. PayloadError for one that has not `count` values.

    >>> columns = (Column(name="a", kind="numeric"), Column(name="b", kind="categorical"))
    >>> contract = Contract(problem="x", task="regression", target="y", columns=columns)
    >>> check_columns(contract, {"a": np.array([1, 2])}, 2).columns
    {'a': array([1., 2.]), 'b': [None, None]}
    """
    for name, values in columns.items():
        if not isinstance(values, list | np.ndarray) or (isinstance(values, np.ndarray) and values.ndim != 1):
            raise PayloadError(f"column {name!r}: expected one value for each row")
        if len(values) != count:
            raise PayloadError(f"column {name!r} has {len(values)} values and there are {count} rows")
    strangers = [str(name) for name in columns if name not in contract.known_names]
    issues = [_unknown(contract, 0, name, True) for name in strangers[:STRANGERS]]
    return _check_table(contract, columns, count, issues)


def _turned(rows: Sequence[Any]) -> dict[str, list[Any]] | None:
    """The columns of many objects that all have the same names; None where they have not."""
    names = list(rows[0]) if type(rows[0]) is dict else []
    if len(names) < 2 or set(map(type, rows)) != {dict} or set(map(len, rows)) != {len(names)}:
        return None
    try:
        return dict(zip(names, map(list, zip(*map(itemgetter(*names), rows), strict=True)), strict=True))
    except KeyError:
        return None


def _check_table(contract: Contract, columns: Mapping[str, Any], count: int, issues: list[Issue]) -> CheckedRows:
    typed: dict[str, Any] = {}
    for name, read, column in _readers(contract):
        values = columns.get(name)
        if values is None and not column.required:
            typed[name] = [nothing(column)] * count
        else:
            typed[name] = _read(column, [None] * count if values is None else values, read, issues)
    return CheckedRows(typed, _in_order(issues))


def _check_odd_rows(contract: Contract, rows: Sequence[Mapping[str, Any]]) -> CheckedRows:
    """The verdict where a row is no plain object of known names."""
    issues: list[Issue] = []
    known = contract.known_names
    fine: list[Mapping[str, Any]] = []
    for position, row in enumerate(rows):
        if not isinstance(row, Mapping):
            issues.append(Issue(position, "", reason_of(WrongValue.unread("expected an object of features", row))))
            fine.append({})
            continue
        strangers = [str(name) for name in row if name not in known]
        issues += [_unknown(contract, position, name, len(issues) < HINTS) for name in strangers[:STRANGERS]]
        fine.append(row)
    return _check_objects(contract, fine, issues)


def _check_objects(contract: Contract, rows: Sequence[Mapping[str, Any]], issues: list[Issue]) -> CheckedRows:
    if len(rows) <= _FEW and not issues:
        try:
            return CheckedRows(_read_quickly(_readers(contract), rows), ())
        except ValueError:
            pass  # the reading below tells which cells are wrong, and why
    columns: dict[str, Any] = {}
    for name, read, column in _readers(contract):
        columns[name] = _read(column, [row.get(name) for row in rows], read, issues)
    return CheckedRows(columns, _in_order(issues) if issues else ())


def _read_quickly(readers: tuple[_Reader, ...], rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    if len(rows) == 1:
        get = rows[0].get
        return {name: [read(get(name))] for name, read, _ in readers}
    return {name: [read(row.get(name)) for row in rows] for name, read, _ in readers}


def _read(column: Column, values: Values, read: Callable[[Any], Any], issues: list[Issue]) -> Values:
    typed, wrong = read_column(column, values, read)
    issues += [Issue(row, column.name, message) for row, message in wrong]
    return typed


def _in_order(issues: Iterable[Issue]) -> tuple[Issue, ...]:
    return tuple(sorted(issues, key=lambda issue: issue.row))


_made: dict[int, tuple[weakref.ref[Contract], tuple[_Reader, ...]]] = {}


def _readers(contract: Contract) -> tuple[_Reader, ...]:
    """Each column's name, its reader and itself; made once per contract, and forgotten with it."""
    made = _made.get(id(contract))
    if made is not None and made[0]() is contract:
        return made[1]
    key = id(contract)
    readers = tuple((column.name, quick_reader(column), column) for column in contract.columns)
    _made[key] = (weakref.ref(contract, lambda _: _made.pop(key, None)), readers)
    return readers


def _unknown(contract: Contract, row: int, name: str, hinted: bool) -> Issue:
    """The issue of a name that is none of ours; looking for a close one is dear, so only the first ones get a hint."""
    if not hinted:
        return Issue(row, name, "unknown feature")
    asked = [column.name for column in contract.columns if column.asked]
    lower = {one.lower(): one for one in asked}
    close = [lower[one] for one in difflib.get_close_matches(name.lower(), lower, n=1)]
    hint = f"did you mean {close[0]!r}?" if close else f"the features are {some(asked)}"
    return Issue(row, name, f"unknown feature; {hint}")
