"""Durable and cheap: many callers' rows in one transaction, each caller told when its own are safe."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from pipelines.core.errors import Unavailable
from pipelines.stores.log_entries import LoggedPrediction
from pipelines.stores.prediction_log import PredictionLog

_MOST_ROWS = 5_000  # in one transaction: a first caller does not wait for the last of a flood


@dataclass(slots=True)
class _Pending:
    """Rows that wait for their commit, and whom to tell: a thread's future or one of an event loop."""

    rows: Sequence[LoggedPrediction]
    future: Any
    loop: asyncio.AbstractEventLoop | None
    since: float = field(default_factory=monotonic)


class GroupCommit:
    """One writer thread before a prediction log: whatever has queued during a commit goes into the next one.

    A lone caller waits for its own commit only; under load hundreds share one. When a commit fails, each
    caller's rows are tried once more by themselves.
    """

    def __init__(self, log: PredictionLog) -> None:
        self._log = log
        self._queue: queue.SimpleQueue[_Pending | None] = queue.SimpleQueue()
        self._closed = False
        self._lock = threading.Lock()
        self.lag = 0.0
        """Seconds that the oldest rows of the last commit waited, the commit included."""
        self.commits = 0
        """Transactions so far."""
        self._thread = threading.Thread(target=self._run, name="prediction-log", daemon=True)
        self._thread.start()

    @property
    def queued(self) -> int:
        """Submissions that wait for a commit."""
        return self._queue.qsize()

    def submit(self, rows: Sequence[LoggedPrediction]) -> Future[None]:
        """A future that is done when the rows are durable; it raises Unavailable when they were not kept."""
        future: Future[None] = Future()
        self._put(_Pending(rows, future, None))
        return future

    async def commit(self, rows: Sequence[LoggedPrediction]) -> None:
        """Return when the rows are durable; raises Unavailable when they could not be kept."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self._put(_Pending(rows, future, loop))
        await future

    def close(self) -> None:
        """Commit all that waits, then end the thread. Later submissions raise Unavailable."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join()

    def _put(self, pending: _Pending) -> None:
        with self._lock:
            if self._closed:
                raise Unavailable("the prediction log is closed: the service is stopping")
            self._queue.put(pending)

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            batch, rows, last = [first], len(first.rows), False
            while rows < _MOST_ROWS and not last:
                try:
                    pending = self._queue.get_nowait()
                except queue.Empty:
                    break
                if pending is None:
                    last = True
                else:
                    batch.append(pending)
                    rows += len(pending.rows)
            self._write(batch)
            if last:
                return

    def _write(self, batch: list[_Pending]) -> None:
        error = self._append([row for pending in batch for row in pending.rows])
        if error is not None and len(batch) > 1:  # one caller's rows must not fail another's
            for pending in batch:
                _settle([pending], self._append(pending.rows))
        else:
            _settle(batch, error)
        self.commits += 1
        self.lag = monotonic() - batch[0].since

    def _append(self, rows: Sequence[LoggedPrediction]) -> Exception | None:
        try:
            self._log.append(rows)
        except Exception as error:  # noqa: BLE001 - told to the caller: a writer that dies would hang them all
            return error
        return None


def _settle(batch: Sequence[_Pending], error: Exception | None) -> None:
    """Tell every caller; one wake-up per event loop, however many wait in it."""
    waiting: dict[asyncio.AbstractEventLoop, list[Any]] = {}
    for pending in batch:
        if pending.loop is None:
            _finish([pending.future], error)
        else:
            waiting.setdefault(pending.loop, []).append(pending.future)
    for loop, futures in waiting.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_finish, futures, error)


def _finish(futures: Sequence[Any], error: Exception | None) -> None:
    for future in futures:
        if future.done():  # its caller gave up
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)
