"""Tables in and out: request bodies and answers as Arrow IPC streams and Parquet files.

Import it when such a body comes: with it comes pyarrow. pandas does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from pipelines.core.errors import PayloadError
from services.prediction.payloads import ARROW
from services.prediction.tables.arrow_bodies import read_stream
from services.prediction.tables.arrow_cells import numbers_array, plain_cells, texts_array
from services.prediction.tables.parquet_reader import READER

if TYPE_CHECKING:
    from services.prediction.answers import Answers


def decode_columns(body: bytes, media: str, most: int) -> tuple[dict[str, Any], int]:
    """The columns of a table, as `check_columns` reads them, and its number of rows (at least one, at most `most`).

    PayloadError for a damaged body or a column that no cell can come from; TooManyRows before anything is unpacked.
    Parquet is read in a process of its own, for which this waits: call it from a worker thread.
    """
    table = read_stream(body if media == ARROW else READER.read(body, most), most)
    columns: dict[str, Any] = {}
    if not table.num_rows:
        raise PayloadError("the table has no rows: send at least one")
    for name, column in zip(table.column_names, table.columns, strict=True):
        if name in columns:
            raise PayloadError(f"column {name[:100]!r} comes twice")
        try:
            columns[name] = plain_cells(column.chunk(0) if column.num_chunks == 1 else column.combine_chunks())
        except (PayloadError, UnicodeDecodeError, ArithmeticError, LookupError) as error:  # odd decimals, odd types
            raise PayloadError(f"column {name[:100]!r}: {error}") from error
    return columns, table.num_rows


def encode_answers(answers: Answers, media: str) -> bytes:
    """The answers as a table: `id`, `prediction`, `probability_<class>` for each class, and `version`."""
    model = answers.model
    columns = {"id": _ids(answers), "prediction": _predictions(answers)}
    for place, name in enumerate(model.contract.classes or []):
        columns[f"probability_{name}"] = numbers_array(answers.scores[:, place])
    versions = np.full(len(answers.scores), model.info.version, dtype=np.int64)
    if answers.by is not None:
        versions[:] = [one.info.version for one in answers.by]
    columns["version"] = numbers_array(versions)
    batch = pa.RecordBatch.from_arrays(list(columns.values()), list(columns))
    sink = pa.BufferOutputStream()
    if media == ARROW:
        with pa.ipc.new_stream(sink, batch.schema) as stream:
            stream.write_batch(batch)
    else:
        from pyarrow.parquet import ParquetWriter

        with ParquetWriter(sink, batch.schema) as file:
            file.write_batch(batch)
    return bytes(sink.getvalue().to_pybytes())


def _ids(answers: Answers) -> pa.Array:
    names = answers.names
    if isinstance(names, list):
        return texts_array(names)
    letters = names.letters.encode()
    ends = np.arange(0, len(letters) + 1, 36, dtype=np.int32)
    return pa.StringArray.from_buffers(len(names), pa.py_buffer(ends), pa.py_buffer(letters))


def _predictions(answers: Answers) -> pa.Array:
    """Values, or classes in their own type."""
    contract = answers.model.contract
    if contract.classes is None:
        return numbers_array(np.asarray(answers.scores, dtype=np.float64))
    types: dict[str | None, Any] = {"boolean": np.bool_, "integer": np.int64, "number": np.float64}
    wanted = types.get(contract.class_type)
    if wanted is None:
        return texts_array([str(one) for one in answers.predictions()])
    return numbers_array(np.array(answers.model.labels, dtype=wanted)[answers.scores.argmax(axis=1)])
