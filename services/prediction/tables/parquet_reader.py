"""Parquet that strangers sent, read in a child process: a body that crashes Arrow's reader ends the child alone.

The child (`parquet_child.py`) is started at the first Parquet body.
"""

from __future__ import annotations

import atexit
import logging
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

from pipelines.core.errors import Busy, PayloadError, Unavailable
from services.prediction.payloads import TooManyRows

SECONDS = 10.0
"""A body that takes longer to read ends the child; a request that waits longer for its turn is refused."""
START_SECONDS = 30.0
"""Python and pyarrow are loaded within half a second, or later on a machine that has too much to do."""
COMMAND = (sys.executable, "-m", "services.prediction.tables.parquet_child")
READY = b"r"
REQUEST, ANSWER = struct.Struct("<QQ"), struct.Struct("<BQ")
"""Before a body: the most rows, its length. Before what comes back: `TABLE` or `REFUSED`, its length."""
TABLE, REFUSED = 0, 1

_MOST = 2**28  # bytes of an answer; the child refuses half of that
_KINDS = {"PayloadError": PayloadError, "TooManyRows": TooManyRows}
# The child has no need of the service's secrets. The system's allocator keeps to the memory that the child may have:
# others reserve a gigabyte of addresses when they start.
_PASSED = ("PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "LANG", "TZDIR")
_SET = {"ARROW_DEFAULT_MEMORY_POOL": "system", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
_log = logging.getLogger("ratchet.parquet")


class ParquetReader:
    """One child, started at the first body and anew after its death; it reads one body at a time.

    Call `read` from a worker thread: it waits for the child.
    """

    def __init__(
        self, seconds: float = SECONDS, command: Sequence[str] = COMMAND, start_seconds: float = START_SECONDS
    ) -> None:
        self._seconds, self._start_seconds, self._command = seconds, start_seconds, tuple(command)
        self._turn = threading.Lock()
        self._child: _Child | None = None

    @property
    def pid(self) -> int | None:
        """The process that reads, if there is one."""
        child = self._child
        return None if child is None else child.pid

    def read(self, body: bytes, most: int) -> bytearray:
        """The table of a Parquet file as an Arrow IPC stream.

        PayloadError for a body that cannot be read, whatever becomes of the child; TooManyRows; Busy when it was not
        its turn in time; Unavailable when no child starts.
        """
        if not self._turn.acquire(timeout=self._seconds):
            raise Busy("other tables are being read: send this one again")
        try:
            status, content = self._exchange(body, most)
        finally:
            self._turn.release()
        if status == TABLE:
            return content
        kind, _, told = content.decode(errors="replace").partition("\n")
        raise _KINDS.get(kind, PayloadError)(told)

    def close(self) -> None:
        """End the child; the next body would start another."""
        child, self._child = self._child, None
        if child is not None:
            child.end()

    def _exchange(self, body: bytes, most: int) -> tuple[int, bytearray]:
        child = self._living()
        try:
            return child.ask(body, most, time.monotonic() + self._seconds)
        except (OSError, EOFError) as error:  # it died, or has not answered in time
            self._child = None
            status = child.end()
            late = isinstance(error, TimeoutError)
            why = f"took longer than {self._seconds:g} s and was ended" if late else f"ended with {status}"
            _log.warning("the process that reads Parquet %s at a body of %d bytes", why, len(body))
            told = f" (reading it took longer than {self._seconds:g} s)" if late else ""
            raise PayloadError(f"the body is no readable Parquet file{told}") from error

    def _living(self) -> _Child:
        child = self._child
        if child is not None and child.lives():
            return child
        if child is not None:  # something else ended it: this body is not to blame
            _log.warning("the process that reads Parquet ended with %d: starting another", child.end())
        self._child = None
        self._child = child = self._start()
        return child

    def _start(self) -> _Child:
        child = None
        try:
            child = _Child(self._command)
            child.wait_ready(time.monotonic() + self._start_seconds)
        except (OSError, EOFError) as error:
            status = error if child is None else f"it ended with {child.end()}"
            _log.error("the process that reads Parquet did not start (%s)", status)
            raise Unavailable("Parquet cannot be read now: send JSON or an Arrow stream, or try again") from error
        return child


class _Child:
    """The process and the line to it; the process ends when the line does."""

    def __init__(self, command: Sequence[str]) -> None:
        self._line, theirs = socket.socketpair()
        passed = {name: os.environ[name] for name in _PASSED if name in os.environ}
        end = theirs.fileno()
        try:
            self._handle = subprocess.Popen(command, stdin=end, stdout=end, env={**passed, **_SET})
        except OSError:
            self._line.close()
            raise
        finally:
            theirs.close()
        self.pid = self._handle.pid

    def lives(self) -> bool:
        return self._handle.poll() is None

    def wait_ready(self, deadline: float) -> None:
        """EOFError or OSError if it never gets ready."""
        self._receive(len(READY), deadline)

    def ask(self, body: bytes, most: int, deadline: float) -> tuple[int, bytearray]:
        """Its answer: a status and the content. EOFError or OSError if it dies; TimeoutError if it is late."""
        self._line.settimeout(_left(deadline))
        self._line.sendall(REQUEST.pack(most, len(body)))
        self._line.sendall(body)
        status, length = ANSWER.unpack(self._receive(ANSWER.size, deadline))
        if length > _MOST:
            raise EOFError("the answer is none that the child gives")
        return status, self._receive(length, deadline)

    def end(self) -> int:
        """Kill it if it lives still; gives what it ended with."""
        self._line.close()
        self._handle.kill()
        return self._handle.wait()

    def _receive(self, count: int, deadline: float) -> bytearray:
        content = bytearray(count)
        view = memoryview(content)
        while view:
            self._line.settimeout(_left(deadline))
            received = self._line.recv_into(view)
            if not received:
                raise EOFError("the child has ended")
            view = view[received:]
        return content


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


READER = ParquetReader()
"""The one that the service reads with."""
atexit.register(READER.close)
