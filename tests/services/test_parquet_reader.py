"""Parquet bodies that kill whoever reads them: the reader's owner lives on, and the next body is answered."""

from __future__ import annotations

import base64
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.core.errors import Busy, PayloadError, Unavailable
from services.prediction.payloads import TooManyRows
from services.prediction.tables.arrow_bodies import read_stream
from services.prediction.tables.parquet_reader import COMMAND, ParquetReader

SEVERAL = pa.table({"n": pa.array([1.5, None, 3.0]), "w": pa.array(["a", "b", None])})
# The real child, but for two bodies that do to it what damage can do.
PROGRAM = """
import os, sys, time
from services.prediction.tables import parquet_child
read = parquet_child.read_parquet
def read_parquet(body, most):
    if body == b"abort":
        os.abort()
    if body == b"sleep":
        time.sleep(60)
    return read(body, most)
parquet_child.read_parquet = read_parquet
sys.exit(parquet_child.main())
"""
# A file of one number with one byte changed (a field of its statistics): pyarrow 25's reader calls abort().
DEADLY = base64.b64decode(
    "UEFSMRUAFRwVHCwVAhUAFQYVBhwYCAAAAAAAAPA/GAgAAAAAAADwPxYAKAgAAAAAAADwPxgIAAAAAAAA8D8REQAAAAIAAAACAQAAAAAAAPA/FQQZ"
    "LDUAGAZzY2hlbWEVAgAVCiMCGAFhABYCGRwZHCYAHBUKGSUGABkYAWEVABYCFpoBFpoBJgg8GAgAAAAAAADwPxgIAAAAAAAA8D8WACgIAAAAAAAA"
    "8D8YCAAAAAAAAPA/EREAGRwVABUAFQIAPCkGGSYAAgAAABaaARYCJggWmgEAKCBwYXJxdWV0LWNwcC1hcnJvdyB2ZXJzaW9uIDI1LjAuMRkcHAAA"
    "AKwAAABQQVIx"
)
LIAR = """
import os, struct, time
os.write(1, b"r" + struct.pack("<BQ", 0, 2**40))
time.sleep(60)
"""
Make = Callable[..., ParquetReader]


def parquet(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return sink.getvalue().to_pybytes()


GOOD = parquet(SEVERAL)


@pytest.fixture
def make() -> Iterator[Make]:
    """Readers whose children end with the test."""
    made: list[ParquetReader] = []

    def one(program: str | None = None, seconds: float = 10.0) -> ParquetReader:
        made.append(ParquetReader(seconds, COMMAND if program is None else (sys.executable, "-c", program)))
        return made[-1]

    yield one
    for reader in made:
        reader.close()


def _reads(reader: ParquetReader) -> int:
    """The process that answered."""
    assert read_stream(reader.read(GOOD, 3), 3).to_pylist() == SEVERAL.to_pylist()
    assert reader.pid is not None
    return reader.pid


def _refuses(reader: ParquetReader, body: bytes) -> None:
    with pytest.raises(PayloadError, match="no readable Parquet file"):
        reader.read(body, 3)


def test_one_child_reads_all(make: Make) -> None:
    reader = make()
    assert reader.pid is None  # nothing is started before there is something to read
    assert _reads(reader) == _reads(reader)
    with pytest.raises(TooManyRows, match="at most 2"):
        reader.read(GOOD, 2)
    _refuses(reader, b"nothing")
    large = pa.table({"n": pa.array(range(300_000))})  # more than a pipe holds, there and back
    assert read_stream(reader.read(parquet(large), 300_000), 300_000).to_pydict() == large.to_pydict()
    _reads(reader)


def test_a_body_that_kills_the_child_is_refused_and_the_next_is_read(make: Make) -> None:
    reader = make(PROGRAM)
    first = _reads(reader)
    for _ in range(2):
        _refuses(reader, b"abort")
        assert reader.pid is None
        assert _reads(reader) != first


def test_a_body_that_kills_pyarrow_is_refused_and_the_next_is_read(make: Make) -> None:
    reader = make()
    _refuses(reader, DEADLY)
    _reads(reader)


def test_a_body_that_takes_too_long_is_refused_and_the_next_is_read(make: Make) -> None:
    reader = make(PROGRAM, seconds=1.0)
    first = _reads(reader)
    began = time.monotonic()
    with pytest.raises(PayloadError, match="longer than 1 s"):
        reader.read(b"sleep", 3)
    assert time.monotonic() - began < 5
    assert not Path(f"/proc/{first}").exists()
    assert _reads(reader) != first


def test_a_child_that_something_else_ended_costs_no_body(make: Make) -> None:
    reader = make()
    first = _reads(reader)
    os.kill(first, signal.SIGKILL)
    os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
    assert _reads(reader) != first


def test_who_waits_too_long_for_a_turn_is_told_to_come_back(make: Make) -> None:
    reader = make(PROGRAM, seconds=2.0)
    _reads(reader)
    slow = threading.Thread(target=_refuses, args=(reader, b"sleep"))
    slow.start()
    time.sleep(0.5)
    reader._seconds = 0.1
    with pytest.raises(Busy):
        reader.read(GOOD, 3)
    slow.join()
    reader._seconds = 10.0
    _reads(reader)


def test_many_threads_share_it(make: Make) -> None:
    reader = make(PROGRAM)
    read: list[int] = []

    def work(number: int) -> None:
        if number == 3:
            _refuses(reader, b"abort")
        read.append(_reads(reader))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(read) == 8


@pytest.mark.parametrize("command", [("/nowhere/python",), (sys.executable, "-c", "raise SystemExit(3)")])
def test_no_child_is_no_fault_of_the_body(command: tuple[str, ...]) -> None:
    reader = ParquetReader(command=command)
    for _ in range(2):
        with pytest.raises(Unavailable, match="send JSON"):
            reader.read(GOOD, 3)
    assert reader.pid is None


def test_an_answer_that_no_child_gives_is_not_waited_for(make: Make) -> None:
    reader = make(LIAR)
    _refuses(reader, GOOD)
    assert reader.pid is None


def test_closing_ends_the_child_and_the_next_body_starts_another(make: Make) -> None:
    reader = make()
    reader.close()
    first = _reads(reader)
    reader.close()
    assert not Path(f"/proc/{first}").exists()
    assert _reads(reader) != first


def test_the_child_is_told_no_secrets(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RATCHET_SIGNING_KEY", "a secret")
    given = Path(f"/proc/{_reads(make())}/environ").read_bytes()
    assert b"RATCHET" not in given
    assert b"ARROW_DEFAULT_MEMORY_POOL=system" in given
