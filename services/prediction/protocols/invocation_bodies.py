"""Tables in the forms of MLflow's scoring protocol: four in JSON, and CSV.

As `mlflow.pyfunc.scoring_server` 3.17 reads them: https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally/
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.core.errors import PayloadError
from services.prediction.protocols.feature_order import name_cells
from services.prediction.protocols.wire_json import read_json

_FORMATS = ("dataframe_split", "dataframe_records", "instances", "inputs")
_EXACTLY = f"expected a JSON object with exactly one of {', '.join(_FORMATS)}"


@dataclass(frozen=True, slots=True)
class Sent:
    """What was sent: `rows` as objects, or else `columns`, lists or arrays of `count` cells."""

    count: int
    rows: list[Any] | None = None
    columns: dict[str, Any] | None = None


def read_json_table(body: bytes, names: list[str], more: Sequence[str] = ()) -> Sent:
    """The table in a JSON body; `names`: the columns of rows that come without names, `more`: those that may follow.

    Keys beside the four are left unread, `params` among them, as MLflow does for a model without parameters.

    >>> read_json_table(b'{"instances": [{"a": 1}]}', ["a"]).rows
    [{'a': 1}]
    >>> read_json_table(b'{"dataframe_split": {"columns": ["a"], "data": [[1], [2]]}}', ["a"]).columns
    {'a': [1, 2]}
    """
    content = read_json(body)
    if not isinstance(content, dict):
        raise PayloadError(_EXACTLY)
    given = [name for name in _FORMATS if name in content]
    if len(given) != 1:
        raise PayloadError(f"{_EXACTLY}, got {', '.join(given) or 'none of them'}")
    form = given[0]
    value = content[form]
    if form == "dataframe_split":
        return _read_split(value, names, more)
    if form == "dataframe_records":
        return Sent(len(_filled(form, value)), rows=value)
    if isinstance(value, dict):
        return _read_columns(form, value)
    return _read_list(form, value, names, more)


def read_csv_table(body: bytes) -> Sent:
    """The table in a CSV body with a header row; an empty cell is missing, a column without a name is an index.

    >>> read_csv_table(b",a,b\\n0,1,\\n1,2,x\\n").columns
    {'a': ['1', '2'], 'b': [None, 'x']}
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise PayloadError("the body is no UTF-8 text") from None
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    except csv.Error as error:
        raise PayloadError(f"the body is no CSV ({error})") from None
    if len(rows) < 2:
        raise PayloadError("expected CSV with a header row and at least one row below it")
    names = _distinct(rows[0])
    for position, row in enumerate(rows[1:]):
        if len(row) != len(names):
            raise PayloadError(f"row {position}: expected {len(names)} cells, as in the header row, got {len(row)}")
    columns = {
        name: [cell or None for cell in cells]
        for name, cells in zip(names, zip(*rows[1:], strict=True), strict=True)
        if name
    }
    return Sent(len(rows) - 1, columns=columns)


def _read_split(value: Any, names: list[str], more: Sequence[str]) -> Sent:
    if not isinstance(value, dict) or "data" not in value or not value.keys() <= {"columns", "index", "data"}:
        raise PayloadError("dataframe_split: expected an object with data, and if wanted columns and index")
    columns = value.get("columns")
    if columns is not None:
        if not isinstance(columns, list) or not all(isinstance(name, str) for name in columns):
            raise PayloadError("dataframe_split: expected columns to be a list of names")
        names, more = _distinct(columns), ()
    rows = _filled("dataframe_split: data", value["data"])
    return Sent(len(rows), columns=name_cells(names, rows, more))


def _read_columns(form: str, value: dict[str, Any]) -> Sent:
    """Columns by name; single values, as MLflow takes them, are one row."""
    if not value:
        raise PayloadError(f"{form}: expected at least one column")
    columns = {name: cells if isinstance(cells, list) else [cells] for name, cells in value.items()}
    counts = {len(cells) for cells in columns.values()}
    if len(counts) != 1 or counts == {0}:
        raise PayloadError(f"{form}: expected the same number of values, at least one, in each column")
    return Sent(counts.pop(), columns=columns)


def _read_list(form: str, value: Any, names: list[str], more: Sequence[str]) -> Sent:
    rows = _filled(form, value)
    if isinstance(rows[0], dict):
        return Sent(len(rows), rows=rows)
    if not isinstance(rows[0], list) and len(names) == 1:
        return Sent(len(rows), columns={names[0]: rows})
    return Sent(len(rows), columns=name_cells(names, rows, more))


def _filled(what: str, value: Any) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise PayloadError(f"{what}: expected a list of at least one row")
    return value


def _distinct(names: list[str]) -> list[str]:
    twice = next((name for place, name in enumerate(names) if name and name in names[:place]), None)
    if twice is not None:
        raise PayloadError(f"the column {twice[:100]!r} comes twice")
    return names
