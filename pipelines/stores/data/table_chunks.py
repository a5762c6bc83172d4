"""Large tables read and written piece by piece, rows in their order, whatever their number."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq

from pipelines.core.errors import SourceError
from pipelines.core.problem import Source
from pipelines.stores.data import tables

PARQUET = frozenset({".parquet", ".pq"})


@dataclass(frozen=True)
class TableStream:
    """A table's schema and its rows in batches; names as the file has them, repeated ones with .1, .2, ..."""

    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]


@contextmanager
def open_stream(path: Path, rows: int) -> Iterator[TableStream]:
    """One CSV (also .gz, .zip) or Parquet file in batches of at most `rows`; an empty table has no batch.

    Types are those of the whole file, not of a batch, and are read as `tables.read_table` reads them.
    SourceError when the file is missing or is no table.
    """
    if not path.is_file():
        raise SourceError(f"there is no file {path}")
    nulls = Source(files=path.name).null_values
    with tables._open() as connection, TemporaryDirectory(prefix="ratchet-") as scratch:
        names = tables._make_view(connection, "data", [path], nulls, Path(scratch))
        reader = tables._plain(connection, 'SELECT * FROM "data"').to_arrow_reader(rows)
        schema = _renamed(reader.schema, names)
        yield TableStream(schema, _cast(iter(reader), schema, path))


def _renamed(schema: pa.Schema, names: list[str]) -> pa.Schema:
    return pa.schema([field.with_name(name) for field, name in zip(schema, names, strict=True)])


def _cast(batches: Iterator[pa.RecordBatch], schema: pa.Schema, path: Path) -> Iterator[pa.RecordBatch]:
    try:
        for batch in batches:
            yield pa.RecordBatch.from_arrays(batch.columns, schema=schema)
    except (OSError, pa.ArrowException) as error:
        raise SourceError(f"{path} is damaged: {error}") from error


class TableWriter:
    """Writes a CSV or Parquet file batch by batch; it appears under its name when the block ends well.

    The suffix says which: .csv or .parquet (.pq).
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        suffix = path.suffix.lower()
        if suffix != ".csv" and suffix not in PARQUET:
            raise SourceError(f"cannot write {path.name}: end its name in .csv or .parquet")
        self._path, self._schema = path, schema
        self._made = path.with_name(f".{path.name}.tmp")
        self._writer: Any = None

    def __enter__(self) -> TableWriter:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        make = arrow_csv.CSVWriter if self._path.suffix.lower() == ".csv" else pq.ParquetWriter
        self._writer = make(str(self._made), self._schema)
        return self

    def write(self, batch: pa.RecordBatch) -> None:
        """Add rows; the batch has the writer's schema."""
        self._writer.write_batch(batch)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._writer.close()
        if kind is None:
            self._made.replace(self._path)
        else:
            self._made.unlink(missing_ok=True)
