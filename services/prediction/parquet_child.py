"""`python -m services.prediction.parquet_child`: reads tables that strangers sent, in a process that may die of them.

Arrow's C++ readers can abort or crash on a damaged body. Here that ends this process and no other. What comes by
stdin: a media byte, the most rows, the body's length (`REQUEST`), the body. What goes back by stdout: `READY` once, then
for each request a status byte and a length (`ANSWER`) and either an Arrow IPC stream of plain columns or an error's
kind and text on two lines. It ends when its stdin does, so nothing is left behind by a service that was killed.
"""

from __future__ import annotations

import os
import resource
import signal
import struct
import sys
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.core.errors import PayloadError
from services.prediction.arrow_bodies import read_parquet, read_stream, refuse_bytes
from services.prediction.arrow_cells import plain_cells

READY = b"r"
REQUEST = struct.Struct("<cQQ")
ANSWER = struct.Struct("<BQ")
TABLE, REFUSED = 0, 1
MEMORY = 2 * 2**30
"""Bytes that the process may have in all: a page that lies about its size takes no more."""
_LONGEST = 30  # seconds for one body; the service waits less, so this ends what a killed service left behind


def main() -> int:
    """Answer requests until stdin ends."""
    _confine()
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what anything prints is no answer
    answers.write(READY)
    answers.flush()
    while header := requests.read(REQUEST.size):
        if not _answer(header, requests, answers):
            break
    return 0


def plain_table(table: pa.Table) -> pa.Table:
    """The same cells in columns that are safe to read: texts that are views into shared bytes become plain texts.

    `validate` does not look at the views of missing texts, and Arrow's cast crashes on damaged ones. PayloadError for a
    type that no cell can have.
    """
    columns = []
    for name, column in zip(table.column_names, table.columns, strict=True):
        try:
            columns.append(pa.chunked_array([_plain(one) for one in column.chunks], None if column.chunks else column.type))
        except PayloadError as error:
            raise PayloadError(f"column {name[:100]!r}: {error}") from error
    return pa.Table.from_arrays(columns, table.column_names) if columns else table


def _confine() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):  # sent to the whole group; a service that drains still reads tables
        signal.signal(number, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError):  # Linux alone has it: if memory runs out, this process goes first
        Path("/proc/self/oom_score_adj").write_text("1000")
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)


def _answer(header: bytes, requests: BinaryIO, answers: BinaryIO) -> bool:
    """Answer one request; False if stdin ended in the middle of it."""
    if len(header) < REQUEST.size:
        return False
    media, most, length = REQUEST.unpack(header)
    body = requests.read(length)
    if len(body) < length:
        return False
    signal.alarm(_LONGEST)
    try:
        status, content = TABLE, _read(media, body, most)
    except PayloadError as error:
        status, content = REFUSED, pa.py_buffer(f"{type(error).__name__}\n{error}".encode(errors="replace"))
    answers.write(ANSWER.pack(status, content.size))
    answers.write(content)
    answers.flush()
    signal.alarm(0)
    return True


def _read(media: bytes, body: bytes, most: int) -> pa.Buffer:
    table = plain_table((read_parquet if media == b"p" else read_stream)(body, most))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return sink.getvalue()


def _plain(array: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(array.type):
        if pa.types.is_dictionary(array.type.value_type):
            plain_cells(array)  # refuses it
        return pa.DictionaryArray.from_arrays(array.indices, _plain(array.dictionary))
    if not pa.types.is_string_view(array.type):
        plain_cells(array.slice(0, 0))  # refuses types that no cell can have
        return array
    refuse_bytes(pc.sum(pc.binary_length(array)).as_py() or 0)  # many views may share one long text
    return array.cast(pa.large_string())


if __name__ == "__main__":
    sys.exit(main())
