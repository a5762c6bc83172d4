"""Segments as Parquet files: one row for each answer as it was given, with its labels; any tool can read them.

Nested values (`inputs`, `history`, `prediction`, `probabilities`, labels) are JSON, as the log has them. Rows are
sorted by id, so that one of them is found by reading one row group. Import it when it is needed: with it comes pyarrow.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

_GROUP = 10_000  # rows of a row group: what is read to find one
_MOMENT = pa.timestamp("us")
_LABEL = pa.struct([("seq", pa.int64()), ("label", pa.string()), ("known_at", _MOMENT), ("received_at", _MOMENT)])
SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("problem", pa.string()),
        ("version", pa.int32()),
        ("run_id", pa.string()),
        ("at", _MOMENT),
        ("time", _MOMENT),
        ("moment", _MOMENT),
        ("inputs", pa.string()),
        ("history", pa.string()),
        ("prediction", pa.string()),
        ("probabilities", pa.string()),
        ("source", pa.string()),
        ("in_block", pa.bool_()),  # how it was logged: samples of rows go by it
        ("label", pa.string()),  # of several, the one that counts
        ("known_at", _MOMENT),
        ("labels", pa.list_(_LABEL)),  # all that came, in the order in which they became known
    ]
)


class SealedLabel(NamedTuple):
    """A label as the log keeps it; `label` is JSON."""

    seq: int
    label: str
    known_at: datetime
    received_at: datetime


class SealedRow(NamedTuple):
    """An answer of a segment; nested values are JSON, moments UTC without a zone."""

    id: str
    problem: str
    version: int
    run_id: str
    at: datetime
    time: datetime | None
    moment: datetime
    inputs: str
    history: str | None
    prediction: str
    probabilities: str | None
    source: str
    in_block: bool
    labels: Sequence[SealedLabel]


_ROW = [name for name in SealedRow._fields if name != "labels"]


def make_table(rows: Iterable[SealedRow]) -> pa.Table:
    """The rows by id, each with the label that counts."""
    ordered = sorted(rows, key=lambda row: row.id)
    columns: dict[str, list[Any]] = {name: [] for name in SCHEMA.names}
    for row in ordered:
        for name, value in zip(_ROW, row, strict=False):
            columns[name].append(value)
        labels = sorted(row.labels, key=lambda one: (one.known_at, one.seq))
        columns["label"].append(labels[-1].label if labels else None)
        columns["known_at"].append(labels[-1].known_at if labels else None)
        columns["labels"].append([one._asdict() for one in labels])
    return pa.table(columns, schema=SCHEMA)


def write_table(table: pa.Table) -> bytes:
    """The file of a table."""
    buffer = io.BytesIO()
    words = [name for name in ("problem", "run_id", "source") if name in table.column_names]
    pq.write_table(table, buffer, row_group_size=_GROUP, compression="zstd", use_dictionary=words)
    return buffer.getvalue()


def read_table(content: bytes) -> pa.Table:
    """The table of a file."""
    return pq.read_table(io.BytesIO(content))


def rows_with(file: Any, ids: Sequence[str]) -> Iterator[SealedRow]:
    """The rows with these ids in an open file: only the row groups that may hold them are read."""
    opened = pq.ParquetFile(file)
    for group in _groups(opened, "id", min(ids), max(ids)):
        table = opened.read_row_group(group, columns=["id"], use_threads=False)
        wanted = set(ids)
        places = [place for place, one in enumerate(table["id"].to_pylist()) if one in wanted]
        if places:
            yield from _rows(opened.read_row_group(group, use_threads=False).take(places))


def ids_with(file: Any, ids: Sequence[str]) -> set[str]:
    """Those of these ids that are in an open file."""
    opened, wanted, found = pq.ParquetFile(file), set(ids), set[str]()
    for group in _groups(opened, "id", min(ids), max(ids)):
        found |= wanted.intersection(opened.read_row_group(group, columns=["id"], use_threads=False)["id"].to_pylist())
    return found


def rows_between(file: Any, start: datetime, end: datetime) -> Iterator[list[SealedRow]]:
    """The rows of an open file whose moment lies in [start, end), some thousand at a time."""
    opened = pq.ParquetFile(file)
    for group in _groups(opened, "moment", start, end):
        rows = [row for row in _rows(opened.read_row_group(group, use_threads=False)) if start <= row.moment < end]
        if rows:
            yield rows


def columns_between(
    file: Any, names: Sequence[str], start: datetime, end: datetime
) -> Iterator[Mapping[str, list[Any]]]:
    """Some columns of the rows whose moment lies in [start, end), some thousand rows at a time."""
    opened = pq.ParquetFile(file)
    for group in _groups(opened, "moment", start, end):
        table = opened.read_row_group(group, columns=[*names, "moment"], use_threads=False)
        places = [place for place, one in enumerate(table["moment"].to_pylist()) if start <= one < end]
        yield table.take(places).select(list(names)).to_pydict()


def labels_of(file: Any) -> dict[str, list[SealedLabel]]:
    """The labels in an open file by id; ids without a label are left out."""
    found = {}
    opened = pq.ParquetFile(file)
    for group in range(opened.num_row_groups):
        table = opened.read_row_group(group, columns=["id", "labels"], use_threads=False)
        for name, labels in zip(table["id"].to_pylist(), table["labels"].to_pylist(), strict=True):
            if labels:
                found[name] = [SealedLabel(**one) for one in labels]
    return found


def _groups(opened: pq.ParquetFile, name: str, low: Any, high: Any) -> Iterator[int]:
    """The row groups that may hold a value of [low, high] in a column."""
    column = opened.schema_arrow.get_field_index(name)
    place = [opened.schema.column(one).path for one in range(len(opened.schema))].index(
        opened.schema_arrow.names[column]
    )
    for group in range(opened.num_row_groups):
        known = opened.metadata.row_group(group).column(place).statistics
        if known is None or not known.has_min_max or (known.min <= high and known.max >= low):
            yield group


def _rows(table: pa.Table) -> Iterator[SealedRow]:
    columns = [table[name].to_pylist() for name in _ROW]
    labels = [[SealedLabel(**one) for one in told] for told in table["labels"].to_pylist()]
    return map(SealedRow._make, zip(*columns, labels, strict=True))
