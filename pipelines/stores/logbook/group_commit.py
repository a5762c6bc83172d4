"""Durable and cheap: many callers' rows in one transaction, each caller told when its own are safe."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from time import monotonic

from pipelines.core.errors import Unavailable
from pipelines.stores.logbook.log_blocks import LogBlock
from pipelines.stores.logbook.prediction_log import Entry, PredictionLog

_MOST_ROWS = 5_000  # in one transaction: a first caller does not wait for the last of a flood
_LATELY = 30.0  # seconds for which a commit is told of: longer than the pause between two looks at the metrics

Entries = Sequence[Entry]
Done = Callable[[Exception | None], None]


@dataclass(slots=True)
class _Pending:
    """Entries that wait for their commit, and whom to tell."""

    entries: Entries
    done: Done
    since: float = field(default_factory=monotonic)


class GroupCommit:
    """One writer thread before a prediction log: whatever has queued during a commit goes into the next one.

    A lone caller waits for its own commit only; under load hundreds share one. When a commit fails, each
    caller's rows are tried once more by themselves.
    """

    def __init__(self, log: PredictionLog, observe: Callable[[float], None] = lambda seconds: None) -> None:
        """`observe` is told of each commit how many seconds its oldest rows had waited, the commit included."""
        self._log, self._observe = log, observe
        self._queue: queue.SimpleQueue[_Pending | None] = queue.SimpleQueue()
        self._closed = False
        self._lock = threading.Lock()
        self._waited, self._done_at = 0.0, 0.0
        self._oldest: float | None = None  # of the rows that are being written
        self.commits = 0
        """Transactions so far."""
        self._thread = threading.Thread(target=self._run, name="prediction-log", daemon=True)
        self._thread.start()

    @property
    def lag(self) -> float:
        """Seconds that the oldest rows have waited that are not durable yet, or that those of the last half a minute's
        newest commit had waited; 0 when there were none.
        """
        now, oldest = monotonic(), self._oldest
        lately = self._waited if now - self._done_at < _LATELY else 0.0
        return lately if oldest is None else max(lately, now - oldest)

    @property
    def queued(self) -> int:
        """Submissions that wait for a commit."""
        return self._queue.qsize()

    def submit(self, entries: Entries) -> Future[None]:
        """A future that is done when the rows are durable; it raises Unavailable when they were not kept."""
        future: Future[None] = Future()

        def done(error: Exception | None) -> None:
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)

        self.hand_over(entries, done)
        return future

    def hand_over(self, entries: Entries, done: Done) -> None:
        """Call `done` in the writer's thread: with None once the rows are durable, else with why they were not kept.

        `done` must be quick and must not raise. Unavailable once the writer is closed.
        """
        with self._lock:
            if self._closed:
                raise Unavailable("the prediction log is closed: the service is stopping")
            self._queue.put(_Pending(entries, done))

    def close(self) -> None:
        """Commit all that waits, then end the thread. Later submissions raise Unavailable."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            batch, rows, last = [first], _rows(first.entries), False
            while rows < _MOST_ROWS and not last:
                try:
                    pending = self._queue.get_nowait()
                except queue.Empty:
                    break
                if pending is None:
                    last = True
                else:
                    batch.append(pending)
                    rows += _rows(pending.entries)
            self._write(batch)
            self._log.tidy()
            if last:
                return

    def _write(self, batch: list[_Pending]) -> None:
        self._oldest = batch[0].since
        error = self._append([entry for pending in batch for entry in pending.entries])
        self.commits += 1
        self._done_at = monotonic()
        self._waited, self._oldest = self._done_at - batch[0].since, None
        self._observe(self._waited)
        for pending in batch:
            if error is not None and len(batch) > 1:  # one caller's rows must not fail another's
                pending.done(self._append(pending.entries))
            else:
                pending.done(error)

    def _append(self, entries: Entries) -> Exception | None:
        try:
            self._log.append(entries)
        except Exception as error:  # noqa: BLE001 - told to the caller: a writer that dies would hang them all
            return error
        return None


def _rows(entries: Entries) -> int:
    return sum(len(entry) if type(entry) is LogBlock else 1 for entry in entries)
