"""`python -m services.prediction.tables.parquet_child`: reads Parquet of strangers, in a process that may die of it.

Arrow's reader of Parquet aborts or crashes on some damaged bodies. Here that ends this process and no other. By stdin
come the most rows, the body's length and the body; by stdout go `READY` once and then, for each body, a status and a
length and either an Arrow IPC stream or an error's kind and text, one line each. It ends when its stdin does, so
nothing is left behind by a service that was killed.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet  # now, and not with the first body

from pipelines.core.errors import PayloadError
from services.prediction.tables.arrow_bodies import read_parquet
from services.prediction.tables.parquet_reader import ANSWER, READY, REFUSED, REQUEST, TABLE

MEMORY = 2 * 2**30
"""Bytes that the process may have in all: a page that lies about its size takes no more."""
_LONGEST = 30  # seconds for one body; the service waits less, so this ends what a killed service left behind


def main() -> int:
    """Answer until stdin ends."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what anything prints is no answer
    _confine()
    answers.write(READY)
    answers.flush()
    while len(header := requests.read(REQUEST.size)) == REQUEST.size:
        most, length = REQUEST.unpack(header)
        body = bytearray(length)
        if requests.readinto(body) < length:
            break
        _answer(body, most, answers)
    return 0


def _confine() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):  # sent to the whole group; a service that drains still reads tables
        signal.signal(number, signal.SIG_IGN)
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    memory = MEMORY if most == resource.RLIM_INFINITY else min(MEMORY, most)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError):  # Linux alone has it: if the machine's memory runs out, this process goes first
        Path("/proc/self/oom_score_adj").write_text("1000")
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)


def _answer(body: bytearray, most: int, answers: BinaryIO) -> None:
    signal.alarm(_LONGEST)
    content: pa.Buffer | bytes
    try:
        status, content = TABLE, _stream(read_parquet(body, most))
        length = content.size
    except PayloadError as error:
        status, content = REFUSED, f"{type(error).__name__}\n{error}".encode(errors="replace")
        length = len(content)
    answers.write(ANSWER.pack(status, length))
    answers.write(content)
    answers.flush()
    signal.alarm(0)


def _stream(table: pa.Table) -> pa.Buffer:
    plain = table.replace_schema_metadata()
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, plain.schema) as stream:
        stream.write_table(plain)
    return sink.getvalue()


if __name__ == "__main__":
    sys.exit(main())
