"""Spread trials: learners judged by the processes of a cluster, and the very same search here."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace

from pipelines.core.learner import Learner, Params
from pipelines.core.learners import CATALOGUE
from pipelines.core.search import Entry, Judging, Tools
from pipelines.core.trials import Fold, Judge, Judged
from pipelines.stores.compute.cluster import Cluster
from pipelines.stores.compute.cluster_work import Work

Threads = Callable[[int], AbstractContextManager[int]]


EARLY = 4
"""Proposals of a study that are drawn at random: they may be judged before anything is known of each other."""


@contextmanager
def spread_trials(
    cluster: Cluster | None, judge: Judge, entries: Sequence[Entry], tools: Tools
) -> Iterator[tuple[Judging, Tools]]:
    """What judges, and the search's tools: `judge` here, or the cluster's processes, trials begun before their turn."""
    if cluster is None:
        yield judge, tools
        return
    spread = SpreadJudge(cluster, judge, entries, tools.threads)
    try:
        yield spread, replace(tools, ahead=spread.foresee, early=EARLY)
    finally:
        spread.close()


class SpreadJudge:
    """A `Judge` whose trials run on a cluster. What was foreseen is under way when it is asked for.

    A trial is judged on some worker by the same code on the same rows, so that it finds the same; which trials there
    are, and in which order they count, is still the search's to say.
    """

    def __init__(self, cluster: Cluster, judge: Judge, entries: Sequence[Entry], threads: Threads) -> None:
        rows = len(judge.folds[0][0])
        cells = {entry.learner.name: rows * entry.size.columns for entry in entries}
        self._cluster, self._shared = cluster, cluster.share((judge, threads, cells))
        self.folds: list[Fold] = judge.folds
        self._begun: dict[str, Work[tuple[Judged, float]]] = {}
        self.cpu_seconds = 0.0
        """What the trials that were asked for have cost elsewhere."""

    def foresee(self, learner: Learner, params: Params, searched_rounds: bool) -> None:
        """Begin a trial that will be asked for."""
        key = json.dumps([learner.name, params, searched_rounds], sort_keys=True)
        if key not in self._begun:
            item = (learner.name, params, searched_rounds)
            self._begun[key] = self._cluster.begin(_judge, self._shared, item)

    def __call__(self, learner: Learner, params: Params, threads: int, searched_rounds: bool) -> Judged:
        """How well the learner does; `threads` are those of the worker."""
        self.foresee(learner, params, searched_rounds)
        key = json.dumps([learner.name, params, searched_rounds], sort_keys=True)
        judged, seconds = self._begun[key].result()
        self.cpu_seconds += seconds
        return judged

    def close(self) -> None:
        """Forget what was foreseen and not asked for."""
        for work in self._begun.values():
            work.forget()


def _judge(shared: tuple[Judge, Threads, dict[str, int]], item: tuple[str, Params, bool]) -> tuple[Judged, float]:
    """On a worker."""
    (judge, threads, cells), (name, params, searched_rounds) = shared, item
    began = time.process_time()
    with threads(cells[name]) as most:
        judged = judge(CATALOGUE[name], params, most, searched_rounds)
    return judged, time.process_time() - began
