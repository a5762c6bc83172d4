"""The thread that tries challengers off the answering path: shadow scores, and both arms timed on the same rows.

It has the lowest priority that a thread can have, a queue that drops what does not fit, and nobody waits for it.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic, perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.core.errors import Unavailable
from pipelines.stores.trials.trial_log import ShadowPrediction
from services.prediction.live_model import Columns, LiveModel

if TYPE_CHECKING:
    from services.prediction.trials.rollouts import Trial

_log = logging.getLogger("ratchet.prediction")
_MOST_JOBS = 256
_MOST_ROWS = 20_000  # that wait
_EVERY = 0.05  # seconds: so often at most both arms are timed
_FLUSH_ROWS, _FLUSH_SECONDS = 1_000, 0.5
_NICE = 19


@dataclass(slots=True)
class Task:
    """Rows that the champion answered (with their ids), or rows to time both arms on only (without)."""

    trial: Trial
    columns: Columns
    asked_at: np.ndarray
    ids: list[str] | None


class Understudy:
    """One thread, one bounded queue; `keep` takes shadow predictions to the database."""

    def __init__(self, keep: Callable[[list[ShadowPrediction]], None]) -> None:
        self._keep = keep
        self._queue: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._rows = 0  # that wait, as far as threads that never lock can tell
        self._kept: list[ShadowPrediction] = []
        self._flushed = self._timed = monotonic()
        self._thread = threading.Thread(target=self._run, name="understudy", daemon=True)
        self._thread.start()

    def offer(self, task: Task) -> bool:
        """Whether the task found room; never blocks."""
        count = len(task.asked_at)
        if self._queue.qsize() >= _MOST_JOBS or self._rows + count > _MOST_ROWS:
            return False
        self._rows += count
        if task.ids is None:
            self._timed = monotonic()
        self._queue.put(task)
        return True

    @property
    def wants_timing(self) -> bool:
        """Whether it is time to time both arms again."""
        return monotonic() - self._timed > _EVERY

    def close(self) -> None:
        """Do what waits, then end the thread."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        _step_back()
        while True:
            try:
                task = self._queue.get(timeout=_FLUSH_SECONDS)
            except queue.Empty:
                self._rows = 0
                self._flush()
                continue
            if task is None:
                self._flush()
                return
            self._rows = max(self._rows - len(task.asked_at), 0)
            try:
                self._work(task)
            except Exception:  # noqa: BLE001 - a thread that dies would end all shadows without a word
                _log.exception("a challenger could not be tried on some rows")
            if len(self._kept) >= _FLUSH_ROWS or monotonic() - self._flushed > _FLUSH_SECONDS:
                self._flush()

    def _work(self, task: Task) -> None:
        trial, count = task.trial, len(task.asked_at)
        if trial.ended:
            return
        timing = task.ids is None or self.wants_timing
        if timing:
            self._timed = monotonic()
        if timing and count % 2:  # each arm is first about as often: the second finds warm caches
            _, before = _score(trial.champion, task)
        scores, seconds = _score(trial.model, task)
        if timing and not count % 2:
            _, before = _score(trial.champion, task)
        if timing and before is not None and seconds is not None:
            trial.compare(count, before, seconds)
        if task.ids is None:
            return
        trial.observe("challenger", count, seconds or 0.0, scores is None)
        if scores is not None and seconds is not None:
            self._kept += _rows(trial.model, task.ids, scores, seconds / count)

    def _flush(self) -> None:
        self._flushed = monotonic()
        kept, self._kept = self._kept, []
        if not kept:
            return
        try:
            self._keep(kept)
        except Unavailable as error:
            _log.warning("%d shadow predictions were not kept: %s", len(kept), error)


def _score(model: LiveModel, task: Task) -> tuple[np.ndarray | None, float | None]:
    """Scores and seconds; None where the model fails on these rows."""
    start = perf_counter()
    try:
        scores, _ = model.score(task.columns, _moments(model, task))
    except Exception as error:  # noqa: BLE001 - counted as a failure of the model
        _log.debug("%s: version %d fails on rows: %s", model.info.problem, model.info.version, type(error).__name__)
        return None, None
    return scores, perf_counter() - start


def _moments(model: LiveModel, task: Task) -> np.ndarray:
    """The moment of each row: what it states itself, else when it was asked about."""
    name = model.contract.time
    if name is None or name not in task.columns:
        return task.asked_at
    stated = np.asarray(task.columns[name], dtype="M8[us]")
    return np.where(np.isnat(stated), task.asked_at, stated)


def _rows(model: LiveModel, ids: list[str], scores: np.ndarray, seconds: float) -> list[ShadowPrediction]:
    info, at = model.info, datetime.now(UTC)
    rows: list[ShadowPrediction] = []
    for place, name in enumerate(ids):
        said: Any = scores[place]
        odds = None
        if scores.ndim == 1:
            label = float(said)
        else:
            label = model.labels[int(said.argmax())]
            odds = dict(zip(model.contract.classes or [], said.tolist(), strict=True))
        rows.append(ShadowPrediction(name, info.problem, info.version, info.run_id, at, label, odds, seconds))
    return rows


def _step_back() -> None:
    """Linux gives each thread a priority of its own: answers come first where cores are short."""
    try:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
    except OSError:  # elsewhere, or not allowed: the queue's bound still holds
        _log.debug("the understudy keeps its priority")
