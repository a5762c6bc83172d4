"""The tables in request bodies: Arrow IPC streams and Parquet files, taken in only within limits.

What a body would become is read from its headers before anything is unpacked: rows, and bytes once decompressed.
"""

from __future__ import annotations

import struct

import numpy as np
import pyarrow as pa

from pipelines.core.errors import PayloadError
from services.prediction.payloads import TooManyRows

MOST_BYTES = 128 * 2**20
"""Bytes that the columns of one request may have once they are decompressed."""
_OPTIONS = pa.ipc.IpcReadOptions(use_threads=False)  # for tables of this size, handing out the work costs more
_BATCH = 1024  # Parquet rows taken in between two looks at the bytes
_LENGTH, _BUFFERS, _COMPRESSION = 0, 2, 3  # fields of a RecordBatch in Arrow's Message.fbs
_HEADER, _DATA = 2, 1  # of a Message: its header; of a DictionaryBatch: its RecordBatch


def read_stream(body: bytes | bytearray, most: int) -> pa.Table:
    """The table of an Arrow IPC stream: at most `most` rows, each cell safe to look at."""
    try:
        _check_stream(body, most)
        with pa.ipc.open_stream(pa.py_buffer(body), options=_OPTIONS) as reader:
            batches = []
            for batch in reader:
                batch.validate(full=True)
                batches.append(_clear_views(batch))
            return pa.Table.from_batches(batches, reader.schema).combine_chunks()
    except (pa.ArrowException, OSError, EOFError, struct.error, IndexError, ValueError) as error:
        raise _damaged("Arrow IPC stream", error) from error


def read_parquet(body: bytes | bytearray, most: int) -> pa.Table:
    """The table of a Parquet file: at most `most` rows.

    For `parquet_child.py` alone: pyarrow's reader ends the process at some damaged bodies.
    """
    from pyarrow.parquet import ParquetFile

    try:
        source = pa.BufferReader(body)
        schema = ParquetFile(source).schema_arrow
        texts = [
            field.name for field in schema if pa.types.is_string(field.type) or pa.types.is_large_string(field.type)
        ]
        file = ParquetFile(source, read_dictionary=texts)
        refuse_rows(file.metadata.num_rows, most)
        groups = [file.metadata.row_group(number) for number in range(file.metadata.num_row_groups)]
        refuse_bytes(sum(one.column(at).total_uncompressed_size for one in groups for at in range(one.num_columns)))
        batches, rows, size = [], 0, 0
        for batch in file.iter_batches(batch_size=_BATCH, use_threads=False):
            batch.validate(full=True)
            batches.append(batch)
            rows, size = rows + batch.num_rows, size + batch.nbytes
            refuse_rows(rows, most)
            refuse_bytes(size)
        return pa.Table.from_batches(batches, file.schema_arrow).combine_chunks()
    except (pa.ArrowException, OSError, EOFError, ValueError) as error:
        raise _damaged("Parquet file", error) from error


def refuse_rows(rows: int, most: int) -> None:
    """TooManyRows beyond `most`."""
    if rows > most:
        raise TooManyRows(f"{rows} rows in one request are too many: send at most {most} at a time")


def refuse_bytes(size: int) -> None:
    """PayloadError for a body that would take too much memory."""
    if size > MOST_BYTES:
        raise PayloadError(f"the body would unpack to {size} bytes and {MOST_BYTES} are allowed: send fewer rows")


def _damaged(kind: str, error: Exception) -> PayloadError:
    told = (str(error) or repr(error)).splitlines()[0][:200]
    return PayloadError(f"the body is no readable {kind} ({told})")


def _clear_views(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The same cells; texts that are missing view nothing.

    `validate` leaves out the views of missing texts, and a cast follows them wherever they lead: it crashed.
    """
    if not any(_viewed(kind) for kind in batch.schema.types):
        return batch
    return pa.RecordBatch.from_arrays([_cleared(column) for column in batch.columns], schema=batch.schema)


def _viewed(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string_view(kind.value_type if pa.types.is_dictionary(kind) else kind))


def _cleared(array: pa.Array) -> pa.Array:
    kind = array.type
    if not _viewed(kind):
        return array
    if pa.types.is_dictionary(kind):
        return pa.DictionaryArray.from_arrays(array.indices, _cleared(array.dictionary), ordered=kind.ordered)
    if not array.null_count:
        return array
    present, views, *texts = array.buffers()
    end = array.offset + len(array)
    bits = np.unpackbits(np.frombuffer(present, dtype=np.uint8), count=end, bitorder="little")
    cleared = np.frombuffer(views, dtype=np.uint8, count=16 * end).reshape(end, 16) * bits[:, None]
    return pa.Array.from_buffers(kind, len(array), [present, pa.py_buffer(cleared), *texts], -1, array.offset)


def _check_stream(body: bytes | bytearray, most: int) -> None:
    """Refuse too many rows or bytes by what the messages' headers say; nothing is decompressed for it."""
    rows = size = 0
    messages = pa.ipc.MessageReader.open_stream(pa.py_buffer(body))
    while True:
        try:
            message = messages.read_next_message()
        except StopIteration:
            return
        if message.type not in ("record batch", "dictionary"):
            continue
        header = message.metadata.to_pybytes()
        table = _pointed(header, _field(header, _pointed(header, 0), _HEADER))
        if message.type == "dictionary":
            table = _pointed(header, _field(header, table, _DATA))
        length = _long(header, _field(header, table, _LENGTH))
        size += _unpacked(header, table, message.body)
        refuse_bytes(size)
        if message.type == "record batch":
            rows += length
            refuse_rows(rows, most)
        else:
            refuse_bytes(length)  # each distinct value takes a byte at least


def _unpacked(header: bytes, table: int, body: pa.Buffer | None) -> int:
    """Bytes that the buffers of a record batch have once they are decompressed."""
    place = _field(header, table, _BUFFERS)
    if not place or body is None:
        return 0
    vector = _pointed(header, place)
    (count,) = struct.unpack_from("<I", header, vector)
    parts = struct.unpack_from(f"<{2 * count}q", header, vector + 4)
    sizes = list(zip(parts[::2], parts[1::2], strict=True))
    if not _field(header, table, _COMPRESSION):
        return sum(size for _, size in sizes)
    view = memoryview(body)
    told = [struct.unpack_from("<q", view, start)[0] for start, size in sizes if size >= 8]
    return sum(size for size in told if size > 0) + sum(size for _, size in sizes)


def _field(data: bytes, table: int, number: int) -> int:
    """Where a FlatBuffers table keeps a field; 0 where it has none."""
    vtable = table - struct.unpack_from("<i", data, table)[0]
    (size,) = struct.unpack_from("<H", data, vtable)
    at = 4 + 2 * number
    offset = struct.unpack_from("<H", data, vtable + at)[0] if at < size else 0
    return table + offset if offset else 0


def _pointed(data: bytes, place: int) -> int:
    return place + int(struct.unpack_from("<I", data, place)[0])


def _long(data: bytes, place: int) -> int:
    return int(struct.unpack_from("<q", data, place)[0]) if place else 0
