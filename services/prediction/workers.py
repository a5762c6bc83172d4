"""Several processes behind one port: started, looked after, and ended together.

The parent accepts and hands each connection to the next worker that is ready. Workers that accept for themselves take
all or nothing of what arrives at once: of 16 connections that came together one of two took 15 or 16. Each has a line
to the parent (`worker_line.py`): there it says that it is ready, is given connections, says that it took them, and
sees the parent's end. What a worker had not taken when it died is given to another.
"""

from __future__ import annotations

import logging
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""Where prometheus_client keeps what each worker counts; read when it is imported."""

_log = logging.getLogger("ratchet.workers")
_EVERY = 0.05  # seconds between two looks at the workers
_LONGEST_PAUSE = 10.0  # seconds before a worker that keeps dying is started again
_SETTLED = 30.0  # seconds: one that lived so long starts with a clean slate
_BACKLOG = 2_048
_GRACE = 5.0  # seconds on top of draining, to close the log and to end


@dataclass
class _Worker:
    """One process, or the place of one that is to be started at `due`."""

    number: int
    handle: subprocess.Popen[bytes] | None = None
    line: socket.socket | None = None
    ready: bool = False
    started: float = 0.0
    deaths: int = 0
    due: float = 0.0
    handed: deque[socket.socket] = field(default_factory=deque)
    """Connections that it has not taken yet."""


@dataclass
class Workers:
    """`count` processes that are given the connections of `listener`; `command` gets the file descriptor of a line."""

    count: int
    listener: socket.socket
    drain_seconds: float
    command: Callable[[int], list[str]]
    forget: Callable[[int], None] = lambda pid: None
    """Told the pid of each that has ended."""
    _workers: list[_Worker] = field(default_factory=list)
    _ending: bool = False

    def run(self, stop: threading.Event, announce: Callable[[], None]) -> int:
        """Keep all of them running until `stop`, then let them drain; gives the exit code.

        `announce` is called once all are ready. One that dies before that stops the service: what is wrong with it
        would be wrong again.
        """
        self._workers = [_Worker(number) for number in range(1, self.count + 1)]
        announced = False
        self.listener.listen(_BACKLOG)
        accepting = threading.Thread(target=self._accept, name="accept", daemon=True)
        accepting.start()
        try:
            while not stop.is_set():
                self._listen()
                for worker in self._workers:
                    if not self._look_after(worker, announced):
                        return 1
                if not announced and all(worker.ready for worker in self._workers):
                    announced = True
                    announce()
        finally:
            self._refuse()
            accepting.join()
            self._end()
        return 0

    def _accept(self) -> None:
        """Hand every connection on, one worker after the other."""
        turn = 0
        while not self._ending:
            try:
                connection, _ = self.listener.accept()
            except OSError:  # the listener was shut down, the client has gone, or there are too many open files
                if not self._ending:
                    time.sleep(_EVERY)
                continue
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while not self._hand_over(connection, turn):
                if self._ending:
                    connection.close()
                    break
                time.sleep(_EVERY)  # nobody is ready: the client waits for the first who is
            turn += 1

    def _hand_over(self, connection: socket.socket, turn: int) -> bool:
        for offset in range(self.count):
            worker = self._workers[(turn + offset) % self.count]
            line = worker.line
            if worker.ready and line is not None:
                worker.handed.append(connection)
                try:
                    socket.send_fds(line, [b"c"], [connection.fileno()])
                    return True
                except OSError:  # it died, or does not get round to what it was given before
                    with suppress(ValueError):
                        worker.handed.remove(connection)
        return False

    def _refuse(self) -> None:
        """Take no connections any more: from here on they are refused."""
        self._ending = True
        with suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)  # closing alone would not wake the thread that accepts
        self.listener.close()

    def _look_after(self, worker: _Worker, announced: bool) -> bool:
        """Start, restart or listen to one; False when it shows that the service cannot start."""
        now = time.monotonic()
        if worker.handle is None:
            if now >= worker.due:
                self._start(worker, now)
            return True
        status = worker.handle.poll()
        if status is None:
            return True
        self._bury(worker)
        if not announced:
            _log.error("worker %d could not start (it ended with %d)", worker.number, status)
            return False
        worker.deaths = 1 if now - worker.started > _SETTLED else worker.deaths + 1
        pause = 0.0 if worker.deaths == 1 else min(0.1 * 2**worker.deaths, _LONGEST_PAUSE)
        worker.due = now + pause
        _log.error("worker %d ended with %d; starting another in %.1f s", worker.number, status, pause)
        return True

    def _listen(self) -> None:
        """Hear what the workers say, for a moment."""
        lines = {worker.line: worker for worker in self._workers if worker.line is not None}
        if not lines:
            time.sleep(_EVERY)
            return
        for line in select.select(list(lines), [], [], _EVERY)[0]:
            try:
                told = line.recv(4096)
            except ConnectionError:
                told = b""
            worker = lines[line]
            worker.ready = bool(told) and (worker.ready or b"r" in told)
            for _ in range(told.count(b"t")):
                worker.handed.popleft().close()
            if not told:
                time.sleep(_EVERY)  # it is about to end

    def _start(self, worker: _Worker, now: float) -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with theirs:
            worker.handle = subprocess.Popen(self.command(theirs.fileno()), pass_fds=[theirs.fileno()])
        worker.line, worker.ready, worker.started = ours, False, now

    def _bury(self, worker: _Worker) -> None:
        if worker.handle is not None:
            self.forget(worker.handle.pid)
        if worker.line is not None:
            worker.line.close()
        worker.handle, worker.line, worker.ready = None, None, False
        while worker.handed:
            connection = worker.handed.popleft()
            if self._ending or not self._hand_over(connection, worker.number):
                connection.close()

    def _end(self) -> None:
        """Let the workers finish what they have in hand, and end those that do not."""
        living = [worker for worker in self._workers if worker.handle is not None]
        for worker in living:
            _signal(worker.handle, signal.SIGTERM)
        deadline = time.monotonic() + self.drain_seconds + _GRACE
        for worker in living:
            assert worker.handle is not None
            try:
                worker.handle.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                _log.error("worker %d did not end in time and is killed", worker.number)
                _signal(worker.handle, signal.SIGKILL)
                worker.handle.wait()
            self._bury(worker)


def _signal(handle: subprocess.Popen[bytes] | None, number: int) -> None:
    if handle is not None and handle.poll() is None:
        handle.send_signal(number)


def worker_command(host: str) -> Callable[[int], list[str]]:
    """The command line of a worker of this service."""
    start = [sys.executable, "-m", "services.prediction", "--host", host, "--worker"]
    return lambda line: [*start, str(line)]


@contextmanager
def shared_metrics(run: Path) -> Iterator[None]:
    """A folder below `run` in which all workers count; gone afterwards, as are those of services that were killed."""
    for old in run.glob("prediction-metrics.*"):
        if not _lives(int(old.suffix[1:])):
            shutil.rmtree(old, ignore_errors=True)
    folder = run / f"prediction-metrics.{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ[METRICS_FOLDER] = str(folder)
    try:
        yield
    finally:
        del os.environ[METRICS_FOLDER]
        shutil.rmtree(folder, ignore_errors=True)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
