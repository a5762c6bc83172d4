"""The windows of a stream as monitoring sees them: views with the labels known so far, no database in between."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np

from benchmarks.alarms.days import DAY, FIRST, NEVER, Days
from pipelines.core.observation import Answered
from pipelines.core.watching.observed import Observed, observe
from pipelines.core.watching.view import ColumnCounts, View

_MICROSECONDS = DAY // timedelta(microseconds=1)


class Windows:
    """Windows of `length` days from the release on, back to back; the last is whole."""

    def __init__(self, days: Days, length: int = 1) -> None:
        self.days, self.length = days, length
        self.drawn, self.watched = days.drawn, days.watched
        self.count = self.drawn.stream.days // length
        self._known = [np.sort(days.known[self.rows(one)]) for one in range(self.count)]
        self._ever = [int((one < NEVER).sum()) for one in self._known]
        self._answered: dict[int, Answered] = {}
        self._seen: dict[int, tuple[int, Observed]] = {}

    def rows(self, window: int) -> slice:
        """Its rows among those drawn."""
        edges = self.days.edges
        return slice(int(edges[window * self.length]), int(edges[(window + 1) * self.length]))

    def end(self, window: int) -> datetime:
        """When it ends: the moment at which it is judged."""
        return FIRST + (window + 1) * self.length * DAY

    def view(self, window: int, at: int) -> View:
        """Window `window` with the labels known at the end of window `at`."""
        sample, counts = self._sample(window, at), self._counts(window)
        rows, start = len(sample.scores), self.end(window) - self.length * DAY
        versions = np.ones(rows, dtype=np.int64)
        return View(start, self.end(window), self.end(at), rows, {1: rows}, counts, sample, versions)

    def known(self, window: int, at: int) -> int:
        """How many of its labels are known at the end of window `at`."""
        return int(np.searchsorted(self._known[window], self._moment(at), "right"))

    def observed(self, window: int, at: int) -> Observed:
        """What it showed by then; taken anew only when labels have come since the last look."""
        known = self.known(window, at)
        found = self._seen.get(window)
        if found is None or found[0] != known:
            found = (known, self._observe(window, at, known))
            self._seen[window] = found
        return found[1]

    def past(self, at: int, memory: int) -> list[Observed]:
        """The windows before `at`, oldest first, as they look at its end."""
        return [self.observed(one, at) for one in range(max(at - memory, 0), at)]

    def _observe(self, window: int, at: int, known: int) -> Observed:
        """As `observe` has it; where no label or every label is known, from the days, which is many times as fast."""
        rows = self.rows(window)
        if known not in (0, self._ever[window]):
            return observe(self.watched.side, self.view(window, at), self.days.expected[rows])
        every = range(window * self.length, (window + 1) * self.length)
        blocks = tuple(block for day in every for block in self.days.blocks(day, known > 0))
        count = rows.stop - rows.start
        return Observed(
            self.watched.side.version, self.end(window) - self.length * DAY, self.end(window), count, count, blocks
        )

    def _moment(self, at: int) -> int:
        """The end of a window, in microseconds from the release."""
        return (at + 1) * self.length * _MICROSECONDS

    def _sample(self, window: int, at: int) -> Answered:
        rows = self.rows(window)
        if window not in self._answered:
            frame = self.drawn.features.iloc[rows].reset_index(drop=True)
            nothing = np.full(len(frame), np.nan)
            answers = self.watched.answers[rows]
            self._answered[window] = Answered(frame, self.drawn.moments[rows], answers, nothing, {})
        whole = self._answered[window]
        labels = np.where(self.days.known[rows] <= self._moment(at), self.drawn.labels[rows], np.nan)
        return Answered(whole.frame, whole.moments, whole.scores, labels, {})

    def _counts(self, window: int) -> list[ColumnCounts]:
        rows = self.rows(window)
        return [
            ColumnCounts(name, *(int(sums[rows.stop] - sums[rows.start]) for sums in each))
            for name, each in self.days.counts.items()
        ]
