"""Natural batching: what arrives together is scored, logged and answered together, and a lone row waits for nobody.

A compiled model scores a few rows in microseconds: that is done on the event loop, for all requests that arrived in
the same turn of it; so are many rows that take some milliseconds, when nobody else waits. Everything else goes to one
scorer thread, with one-thread kernels, which takes what has queued.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from datetime import datetime
from time import monotonic, perf_counter

from pipelines.core.errors import Unavailable
from pipelines.stores.bundles.release_info import ReleaseInfo
from pipelines.stores.logbook.group_commit import Done, GroupCommit
from pipelines.stores.logbook.log_blocks import LogBlock
from services.prediction.answers import Answers, Scored, part, scored, stamp
from services.prediction.jobs import Job, Tell, by_model, moments_of, too_late
from services.prediction.live_model import Columns, LiveModel, merge

_MOST_ROWS = 4_096  # scored at once: beyond it a batch gains nothing and a lone row behind it waits
_INLINE_ROWS = 64  # of one request that are scored on the event loop, and
_INLINE_TURN = 512  # of one turn of it: a millisecond or two
_PATIENCE = 1.0  # of a batch's cost that the next one may wait for requests that are likely on their way
_LONGEST_WAIT = 0.010  # seconds
_LONGEST_ALONE = 0.010  # that the event loop scores many rows for, when nobody else waits
_LONGEST_TURN = 0.003  # the same, where scoring takes microseconds and the log's commit is what is shared
_LOOK = 1.0  # seconds between two looks at who has waited for too long


class Scorer:
    """From checked rows to answers that are in the log."""

    def __init__(
        self, writer: GroupCommit, observe: Callable[[int], None] = lambda rows: None, seconds: float = 30.0
    ) -> None:
        """`observe` is told the rows of each batch; `seconds` is how long a caller may wait for its answer."""
        self._writer, self._observe, self._seconds = writer, observe, seconds
        self._open: set[Job] = set()
        self._watching = False
        self._ready: list[Job] = []
        self._ready_rows = 0
        self._committing = 0
        self._timer: asyncio.TimerHandle | None = None
        self._soon = False
        self._likely, self._until, self._flushed = 1, 0.0, 0.0
        self._pace: tuple[ReleaseInfo | None, float] = (None, 0.0)  # seconds a row, of the last batch of many
        self._queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="scorer", daemon=True)
        self._thread.start()

    @property
    def queued(self) -> int:
        """Requests that wait for the scorer thread."""
        return self._queue.qsize()

    async def answer(
        self, model: LiveModel, columns: Columns, count: int, asked_at: datetime, source: str = "api"
    ) -> tuple[Answers, float]:
        """The answers, given once they are durable in the log, and the seconds that scoring them took.

        Raises what the model raises for these rows, and Unavailable when the log did not take them.
        """
        future: asyncio.Future[tuple[Answers, float]] = asyncio.get_running_loop().create_future()

        def tell(job: Job, answers: Answers | None, error: Exception | None) -> None:
            if future.done():  # its caller gave up
                return
            if answers is not None:
                future.set_result((answers, job.seconds))
            else:
                future.set_exception(error or Unavailable("the service is stopping"))

        self.submit(model, columns, count, asked_at, tell, source)
        return await future

    def submit(
        self, model: LiveModel, columns: Columns, count: int, asked_at: datetime, tell: Tell, source: str = "api"
    ) -> None:
        """The same without waiting: `tell` is called once, on the event loop that this is called on."""
        if self._closed:
            raise Unavailable("the service is stopping")
        loop = self._loop
        if loop is None or loop.is_closed():  # asking for it is a system call, each time
            loop = self._loop = asyncio.get_running_loop()
        job = Job(model, columns, count, asked_at, tell, source)
        self._open.add(job)
        if not self._watching:
            self._watching = True
            loop.call_later(_LOOK, self._give_up)
        if model.compiled is None or not self._is_inline(model, count):
            self._queue.put(job)
        else:
            job.inline = True
            self._ready.append(job)
            self._ready_rows += count
            # While the log commits, more would only queue behind it: what comes meanwhile is one batch afterwards.
            if not self._committing:
                self._flush_soon(loop)

    def close(self) -> None:
        """Answer what waits, then end the thread."""
        self._closed = True
        self._queue.put(None)
        self._thread.join()

    def _is_inline(self, model: LiveModel, count: int) -> bool:
        """Whether the event loop scores these rows: a few in each turn, or many quick ones while nobody else waits.

        A thread that scores takes turns with the loop for the interpreter's lock, and finds nothing in the cache.
        """
        if len(self._open) == 1 and count > _INLINE_ROWS:
            measured, pace = self._pace
            return measured is model.info and count * pace <= _LONGEST_ALONE
        return count <= _INLINE_ROWS and self._ready_rows + count <= _INLINE_TURN

    def _flush_soon(self, loop: asyncio.AbstractEventLoop) -> None:
        """Flush in the next turn of the loop, or once as many requests are there as are likely to come.

        Callers that were answered a moment ago are likely to ask again: one commit for all of them costs what one for
        half of them does. A lone caller is never waited for.
        """
        if self._soon:
            return
        if len(self._ready) >= self._likely:
            if self._timer is not None:
                self._timer.cancel()
            self._soon = True
            loop.call_soon(self._flush)
        elif self._timer is None:
            self._timer = loop.call_later(max(0.0, self._until - monotonic()), self._flush)

    def _flush(self) -> None:
        """Answer what has arrived since the last time."""
        self._timer, self._soon = None, False
        jobs, self._ready, self._ready_rows = self._ready, [], 0
        self._committing += len(jobs)
        self._flushed = monotonic()
        for batch in by_model(jobs) if jobs else ():
            self._work(batch)

    def _give_up(self) -> None:
        """Tell those that have waited for too long; one look a second costs less than a timer for each."""
        oldest = monotonic() - self._seconds
        for job in [one for one in self._open if one.since < oldest]:
            self._open.discard(job)
            job.tell(job, None, too_late(self._seconds))
        self._watching = bool(self._open)
        if self._watching:
            asyncio.get_running_loop().call_later(_LOOK, self._give_up)

    def _run(self) -> None:
        """The scorer thread: what has queued is one batch, unless another release is to answer it."""
        held: Job | None = None
        cost, likely = 0.0, 1
        while (first := held or self._queue.get()) is not None:
            batch, held, last = self._gather(first, min(cost * _PATIENCE, _LONGEST_WAIT), likely)
            start = perf_counter()
            self._work(batch)
            cost = perf_counter() - start
            likely = len(batch) + self._queue.qsize()
            if last:
                return

    def _gather(self, first: Job, patience: float, likely: int) -> tuple[list[Job], Job | None, bool]:
        """A batch for one release; the job of another that ended it; whether the thread is to end.

        Callers that were answered a moment ago are likely to ask again: it waits for as many as there were, but no
        longer than `patience` seconds. A lone caller is never waited for.
        """
        batch, rows, until = [first], first.count, monotonic() + patience
        while rows < _MOST_ROWS:
            try:
                left = until - monotonic() if len(batch) < likely else 0.0
                job = self._queue.get(timeout=left) if left > 0 else self._queue.get_nowait()
            except queue.Empty:
                break
            if job is None:
                return batch, None, True
            if job.model is not first.model or job.source != first.source:
                return batch, job, False
            batch.append(job)
            rows += job.count
        return batch, None, False

    def _work(self, batch: list[Job]) -> None:
        """Score, write down and hand over to the log; whoever asked is told once it is durable."""
        model = batch[0].model
        start = perf_counter()
        try:
            columns = merge([job.columns for job in batch])
            counts = [job.count for job in batch]
            asked = [(stamp(job.asked_at), job.count) for job in batch]
            times = moments_of(model, columns, [job.asked_at for job in batch], counts)
            scores, history = model.score(columns, times)
            seconds = perf_counter() - start
            if len(times) > _INLINE_ROWS:
                self._pace = (model.info, seconds / len(times))
            done = scored(model, columns, times, scores, history, asked, batch[0].source)
            self._hand_over(batch, done, done.block(), seconds)
        except Exception as error:  # noqa: BLE001 - told to whoever sent the rows: a scorer that dies hangs them all
            if len(batch) == 1:
                self._tell(batch, [], error)
                return
            for job in batch:  # one request's rows must not fail another's
                self._work([job])

    def _hand_over(self, batch: list[Job], found: Scored, block: LogBlock, seconds: float) -> None:
        parts, starts, start = [], [], 0
        answers = found.answers()
        rows = len(found.scores)
        for job in batch:
            job.seconds = seconds * job.count / rows if rows else 0.0
            parts.append(answers if len(batch) == 1 else part(answers, start, start + job.count))
            starts.append(start)
            start += job.count
        self._observe(rows)

        def done(error: Exception | None) -> None:
            if error is None or len(batch) == 1:
                self._tell(batch, parts, error)
                return
            for job, own, start, asked in zip(batch, parts, starts, found.asked, strict=True):
                # one request's rows must not fail another's
                self._keep([job], [own], found.part(job.columns, start, asked).block())

        self._keep(batch, parts, block, done)

    def _keep(self, batch: list[Job], parts: list[Answers], block: LogBlock, done: Done | None = None) -> None:
        try:
            self._writer.hand_over([block], done or (lambda error: self._tell(batch, parts, error)))
        except Unavailable as error:
            self._tell(batch, [], error)

    def _tell(self, batch: list[Job], parts: list[Answers], error: Exception | None) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._settle, batch, parts, error)

    def _settle(self, batch: list[Job], parts: list[Answers], error: Exception | None) -> None:
        for place, job in enumerate(batch):
            self._committing -= job.inline
            if job in self._open:  # nobody has told it yet that it took too long
                self._open.discard(job)
                job.tell(job, parts[place] if error is None else None, error)
        if batch[0].inline and not self._committing:
            now = monotonic()
            self._likely = len(batch) + len(self._ready)
            self._until = now + min(now - self._flushed, _LONGEST_TURN)
            if self._ready and self._loop is not None:
                self._flush_soon(self._loop)
