"""Rows that come without names: their cells are the contract's features, in its order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipelines.core.errors import PayloadError
from pipelines.core.schema import Contract


def feature_order(contract: Contract) -> list[str]:
    """The features that a caller gives, in the order of the contract: the order of cells that have no names.

    >>> from pipelines.core.schema import Column
    >>> columns = (Column(name="b", kind="numeric"), Column(name="at", kind="datetime", feature=False))
    >>> feature_order(Contract(problem="x", task="regression", target="y", columns=columns))
    ['b']
    """
    return [column.name for column in contract.features if column.kind != "ignored"]


def name_cells(names: list[str], rows: list[Any], more: Sequence[str] = ()) -> dict[str, list[Any]]:
    """Columns of `rows`, lists of one width each: `names`, and after them `more` where the rows are wide enough.

    PayloadError names the first row that is no list, or too short or long.

    >>> name_cells(["a", "b"], [[1, 2], [3, 4]])
    {'a': [1, 3], 'b': [2, 4]}
    """
    if more and isinstance(rows[0], list) and len(rows[0]) == len(names) + len(more):
        names = [*names, *more]
    width = len(names)
    for position, row in enumerate(rows):
        if not isinstance(row, list):
            raise PayloadError(f"row {position}: expected a list of {width} values")
        if len(row) != width:
            shown = ", ".join(names[:10]) + (" ..." if width > 10 else "")
            raise PayloadError(f"row {position}: expected {width} values ({shown}), got {len(row)}")
    return {name: list(cells) for name, cells in zip(names, zip(*rows, strict=True), strict=True)}
