"""The process that reads Parquet: it answers, keeps within its limits, and ends with whoever started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from services.prediction.tables.arrow_bodies import read_stream
from services.prediction.tables.parquet_child import MEMORY
from services.prediction.tables.parquet_reader import ANSWER, COMMAND, READY, REFUSED, REQUEST, TABLE

ROWS = pa.table({"n": pa.array([1.5, None, 3.0]), "w": pa.array(["a", "b", None])})
SERVICE = """
import os, sys
from services.prediction.tables.parquet_reader import READER
READER.read(sys.stdin.buffer.read(), 10)
print(READER.pid, "pandas" in sys.modules or "pyarrow" in sys.modules, flush=True)
os.kill(os.getpid(), 9)
"""
GREEDY = """
import pyarrow as pa
from services.prediction.tables.parquet_child import _confine
_confine()
try:
    pa.allocate_buffer(3 * 2**30)
except MemoryError:
    raise SystemExit(7)
"""


def parquet(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return sink.getvalue().to_pybytes()


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.read(len(READY)) == READY
            yield process
        finally:
            process.kill()


def ask(child: subprocess.Popen[bytes], body: bytes, most: int) -> tuple[int, bytes]:
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(REQUEST.pack(most, len(body)) + body)
    child.stdin.flush()
    status, length = ANSWER.unpack(child.stdout.read(ANSWER.size))
    return status, child.stdout.read(length)


def gone(pid: int) -> bool:
    """Whether the process ended; one that nobody has asked about yet counts as ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except FileNotFoundError:
        return True


def test_a_table_comes_back_as_a_stream(child: subprocess.Popen[bytes]) -> None:
    for table in (ROWS, ROWS.slice(0, 0), ROWS.slice(1, 1)):
        status, content = ask(child, parquet(table), 3)
        assert status == TABLE
        assert read_stream(content, 3).to_pylist() == table.to_pylist()


def test_a_refusal_has_its_kind_and_its_text(child: subprocess.Popen[bytes]) -> None:
    status, content = ask(child, parquet(ROWS), 2)
    assert (status, content.partition(b"\n")[0]) == (REFUSED, b"TooManyRows")
    assert b"at most 2" in content
    status, content = ask(child, b"nothing", 2)
    assert (status, content.partition(b"\n")[0]) == (REFUSED, b"PayloadError")
    assert b"no readable Parquet" in content
    assert ask(child, parquet(ROWS), 3)[0] == TABLE


def test_it_ends_when_stdin_ends_and_at_no_polite_signal(child: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):  # a service that drains still has bodies to read
        child.send_signal(number)
    assert ask(child, parquet(ROWS), 3)[0] == TABLE
    assert child.stdin is not None
    child.stdin.write(REQUEST.pack(3, 1000) + b"half")
    child.stdin.close()
    assert child.wait(10) == 0


def test_it_has_limits(child: subprocess.Popen[bytes]) -> None:
    limits = Path(f"/proc/{child.pid}/limits").read_text().splitlines()
    told = {line[:26].strip(): line[26:].split()[:2] for line in limits}
    assert told["Max address space"] == [str(MEMORY), str(MEMORY)]
    assert told["Max core file size"] == ["0", "0"]
    assert Path(f"/proc/{child.pid}/oom_score_adj").read_text().strip() == "1000"


def test_memory_beyond_the_limit_is_refused() -> None:
    assert subprocess.run([sys.executable, "-c", GREEDY], check=False).returncode == 7


def test_it_ends_with_a_service_that_is_killed() -> None:
    done = subprocess.run([sys.executable, "-c", SERVICE], input=parquet(ROWS), capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    pid, loaded = done.stdout.split()
    assert loaded == b"False"
    deadline = time.monotonic() + 10
    while not gone(int(pid)):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_it_needs_no_pandas(child: subprocess.Popen[bytes]) -> None:
    assert ask(child, parquet(ROWS), 3)[0] == TABLE
    maps = Path(f"/proc/{child.pid}/maps").read_text()
    assert f"{os.sep}pyarrow{os.sep}" in maps
    assert f"{os.sep}pandas{os.sep}" not in maps
