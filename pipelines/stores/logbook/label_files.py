"""Labels of sealed answers as Parquet files: one row for each that came after its answer was sealed.

They are sorted by id and hold the moment of their answer too. Import it when it is needed: with it comes pyarrow.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.stores.logbook.segment_files import SealedLabel

_MOMENT = pa.timestamp("us")
SCHEMA = pa.schema(
    [
        ("id", pa.string()),  # of the answer
        ("problem", pa.string()),
        ("moment", _MOMENT),  # of the answer
        ("seq", pa.int64()),
        ("label", pa.string()),  # JSON, as in the segments of answers
        ("known_at", _MOMENT),
        ("received_at", _MOMENT),
    ]
)


class LateLabel(NamedTuple):
    """A label, and whose: moments are UTC without a zone."""

    id: str
    problem: str
    moment: datetime
    seq: int
    label: str
    known_at: datetime
    received_at: datetime


def label_table(rows: Iterable[LateLabel]) -> pa.Table:
    """The labels by id, those of one answer in the order in which they became known."""
    ordered = sorted(rows, key=lambda one: (one.id, one.known_at, one.seq))
    return pa.table({name: [getattr(one, name) for one in ordered] for name in SCHEMA.names}, schema=SCHEMA)


def labels_in(file: Any) -> dict[str, list[SealedLabel]]:
    """The labels of an open file by the id of their answer."""
    columns = pq.read_table(file, columns=["id", *SealedLabel._fields], use_threads=False)
    found: dict[str, list[SealedLabel]] = {}
    values = [columns[name].to_pylist() for name in SealedLabel._fields]
    for name, *label in zip(columns["id"].to_pylist(), *values, strict=True):
        found.setdefault(name, []).append(SealedLabel(*label))
    return found
