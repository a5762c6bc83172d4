"""One scorer thread with natural batching: a lone row is scored at once, what queues meanwhile together."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipelines.core.errors import Unavailable
from services.prediction.live_model import Answered, Columns, LiveModel, merge

_MOST_ROWS = 4_096  # scored at once: beyond it a batch gains nothing and a lone row behind it waits


@dataclass(slots=True)
class _Job:
    """Rows of one request that wait to be scored by the release they were checked by."""

    model: LiveModel
    columns: Columns
    times: np.ndarray
    future: asyncio.Future[Answered]
    loop: asyncio.AbstractEventLoop


class Scorer:
    """The one thread that runs models, with one-thread kernels: requests never fight for cores."""

    def __init__(self, observe: Callable[[int], None] = lambda rows: None) -> None:
        self._observe = observe
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="scorer", daemon=True)
        self._thread.start()

    @property
    def queued(self) -> int:
        """Requests that wait."""
        return self._queue.qsize()

    async def score(self, model: LiveModel, columns: Columns, times: np.ndarray) -> Answered:
        """The answers to checked rows, in order; raises what the model raises for these rows."""
        if self._closed:
            raise Unavailable("the service is stopping")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answered] = loop.create_future()
        self._queue.put(_Job(model, columns, times, future, loop))
        return await future

    def close(self) -> None:
        """Score what waits, then end the thread."""
        self._closed = True
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        held: _Job | None = None
        while (first := held or self._queue.get()) is not None:
            held = None
            batch, rows = [first], len(first.times)
            while rows < _MOST_ROWS:
                try:
                    job = self._queue.get_nowait()
                except queue.Empty:
                    break
                if job is None:
                    self._queue.put(None)
                    break
                if job.model is not first.model:  # a swap: the next release answers in a batch of its own
                    held = job
                    break
                batch.append(job)
                rows += len(job.times)
            self._observe(rows)
            self._score(batch)

    def _score(self, batch: list[_Job]) -> None:
        try:
            answered = _answer_all(batch)
        except Exception as error:  # noqa: BLE001 - told to whoever sent the rows: a scorer that dies hangs them all
            if len(batch) == 1:
                _tell(batch[0], None, error)
                return
            for job in batch:  # one request's rows must not fail another's
                self._score([job])
            return
        loop = batch[0].loop
        loop.call_soon_threadsafe(_tell_all, batch, answered)


def _answer_all(batch: list[_Job]) -> list[Answered]:
    whole = batch[0].model.answer(merge([job.columns for job in batch]), np.concatenate([job.times for job in batch]))
    parts, start = [], 0
    for job in batch:
        end = start + len(job.times)
        history = None if whole.history is None else whole.history[start:end]
        parts.append(Answered(whole.answers[start:end], history))
        start = end
    return parts


def _tell(job: _Job, answered: Answered | None, error: Exception) -> None:
    job.loop.call_soon_threadsafe(_settle, job.future, answered, error)


def _tell_all(batch: list[_Job], answered: list[Answered]) -> None:
    for job, part in zip(batch, answered, strict=True):
        _settle(job.future, part, None)


def _settle(future: asyncio.Future[Answered], answered: Any, error: Exception | None) -> None:
    if future.done():  # the client went away
        return
    if error is None:
        future.set_result(answered)
    else:
        future.set_exception(error)
