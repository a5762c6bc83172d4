"""How far back the rows reach that are worth learning from: past a break the old ones teach what no longer holds."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.linalg import LinAlgWarning
from scipy.special import stdtrit
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import Pipeline

from pipelines.core.contract import Contract
from pipelines.core.learner import Params
from pipelines.core.learners import make_pipeline
from pipelines.core.metrics import per_row_loss
from pipelines.core.problem import Problem
from pipelines.core.resampling import FEWEST_CLUSTERS, resample, time_clusters
from pipelines.core.splitting import Sides, test_start

LEAST = 100
"""Rows that a held-out side has at least, and rows that are learnt from."""
CHANCE = 0.002
"""Of a gain such as is asked for, in one comparison, where nothing has changed."""
GAIN = 0.02
"""Of the loss: what recent rows must teach better than all do."""
_NEAR = (0.6, 0.8, 1.25, 1.6)  # lengths, beside that of the best stretch, that are tried as well
_MOST = 4_000  # rows that a quick model is fitted on, and judged by
_QUICK: dict[str, Params] = {
    "linear": {},
    "histogram_gradient_boosting": {"max_iter": 50, "learning_rate": 0.1, "max_leaf_nodes": 15},
}


@dataclass(frozen=True)
class Reach:
    """Where the rows begin that train, those that the search judges on, and those that are held out."""

    since: np.datetime64
    validation: np.datetime64
    test: np.datetime64
    gain: float
    """Of the loss, on the validation rows: what the rows since then teach better than all rows."""
    low: float
    """The least gain that is credible."""


def find_reach(
    frame: pd.DataFrame, problem: Problem, contract: Contract, history: Sequence[str], held_out: int
) -> Reach | None:
    """How far back to go; None: all rows, with the newest `held_out` of them held out.

    Quick models of recent rows and of all rows are compared on the rows before the held-out ones, which nobody looks
    at. Where the recent ones are not credibly better, the break may be younger: the same again with half as many rows
    held out, and so on.
    """
    rows = frame[frame["__y"].notna()].sort_values(["__time", "__row"], ignore_index=True)
    if len(rows) < 2 * held_out + 2 * LEAST:
        return None
    ground = _Ground(rows, problem, contract, list(history), len(rows) - 2 * held_out)
    found = []
    while held_out >= LEAST:
        found.append(ground.look(held_out))
        held_out //= 2
    credible = [one for one in found if one is not None]
    return max(credible, key=lambda one: one.low, default=None)


class _Ground:
    """Labelled rows in order of time, and how well what is learnt from a stretch foretells another.

    What turns rows into numbers is learnt from the `old` oldest rows; it is the same for every stretch.
    """

    def __init__(self, rows: pd.DataFrame, problem: Problem, contract: Contract, history: list[str], old: int) -> None:
        self._rows, self._task, self._seed = rows, contract.task, problem.search.seed
        self._metric = problem.primary_metric(contract.task)
        self._times = rows["__time"].to_numpy(dtype="datetime64[us]")
        self._known = rows["__known_at"].to_numpy(dtype="datetime64[us]")
        self._y = rows["__y"].to_numpy(dtype=np.float64)
        self._names = [one.name for one in contract.features if one.kind != "ignored"] + history
        self._models: dict[str, Pipeline] = {}
        first = self._sample(np.arange(old))
        for name, params in _QUICK.items():
            model = make_pipeline(name, contract, history, contract.task, params, self._seed)
            model[0].fit(rows.iloc[first][self._names], self._labels(first))
            self._models[name] = model

    def look(self, held_out: int) -> Reach | None:
        """The stretch that teaches best what comes before the newest `held_out` rows, if credibly better than all."""
        test = self._first_at(len(self._times) - held_out)
        known = np.flatnonzero(self._known[:test] < self._times[test])
        older = known[known < self._first_at(int(known[-2 * held_out]))] if len(known) > 2 * held_out else known[:0]
        if len(older) < 2 * LEAST:
            return None
        validation, judged = int(older[-1]) + 1, self._sample(known[len(older) :])
        starts = [older[-length] for length in _lengths(len(older), held_out)]
        starts = [start for start in starts if self._taught(start, validation) >= LEAST // 2]
        if not starts:
            return None
        whole = self._losses(older, judged)
        start, best = self._best(older, starts, judged)
        low, gain = self._gain(whole - best, judged)
        if low <= 0 or gain < GAIN * float(whole.mean()):
            return None
        length = len(older) - int(np.searchsorted(older, start))
        near = [older[-round(length * share)] for share in _NEAR]  # a break lies between two doublings
        start, _ = self._best(older, [start, *(one for one in near if self._taught(one, validation) >= LEAST)], judged)
        ends = self._times[known[len(older)]], self._times[test]
        return Reach(self._times[self._first_at(start)], *ends, gain=gain, low=low)

    def _best(self, older: np.ndarray, starts: Sequence[int], judged: np.ndarray) -> tuple[int, np.ndarray]:
        """The start of the stretch that teaches best, and the losses of what it teaches."""
        found = [(start, self._losses(older[older >= start], judged)) for start in starts]
        return min(found, key=lambda one: float(one[1].mean()))

    def _taught(self, start: int, validation: int) -> int:
        """Rows of a stretch whose labels were known when the rows that the search judges on began."""
        return int((self._known[start:validation] < self._times[validation]).sum())

    def _first_at(self, position: int) -> int:
        """The first row of the moment at this position: equal times stay together."""
        return 0 if position <= 0 else int(np.searchsorted(self._times, self._times[position], "left"))

    def _sample(self, rows: np.ndarray) -> np.ndarray:
        if len(rows) <= _MOST:
            return rows
        return np.sort(np.random.default_rng(self._seed).choice(rows, _MOST, replace=False))

    def _labels(self, rows: np.ndarray) -> np.ndarray:
        return self._y[rows] if self._task == "regression" else self._y[rows].astype(np.int64)

    def _losses(self, fit: np.ndarray, judged: np.ndarray) -> np.ndarray:
        """Each judged row's loss, by the quick model that does best there."""
        fit = self._sample(fit)
        found = {name: self._one(name, fit, judged) for name in self._models}
        best = min(found, key=lambda name: float(found[name].mean()))
        if len(found) > 1 and best == "linear" and len(fit) >= _MOST // 2:  # where lines do, trees would only cost
            del self._models["histogram_gradient_boosting"]
        return found[best]

    def _one(self, name: str, fit: np.ndarray, judged: np.ndarray) -> np.ndarray:
        transformer, model = self._models[name][0], clone(self._models[name][-1])
        table, asked = (transformer.transform(self._rows.iloc[rows][self._names]) for rows in (fit, judged))
        if isinstance(table, np.ndarray):  # columns that had values once and have none now say nothing
            empty = np.isnan(table).all(axis=0)
            table, asked = np.where(empty, 0.0, table), np.where(empty, 0.0, asked)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a quick model need not be the best of its kind
            warnings.simplefilter("ignore", LinAlgWarning)
            model.fit(table, self._labels(fit))
        scores = model.predict(asked) if self._task == "regression" else model.predict_proba(asked)
        return per_row_loss(self._task, self._y[judged], scores, self._metric)

    def _gain(self, gains: np.ndarray, judged: np.ndarray) -> tuple[float, float]:
        """The least gain that is credible, and the mean; rows of one day share their luck, however few the days."""
        days = self._times[judged].astype("datetime64[D]")
        few = len(np.unique(days)) < FEWEST_CLUSTERS
        blocks = resample(len(gains), days if few else time_clusters(self._times[judged]))
        mean = float(gains.mean())
        off = blocks.sums(gains - mean)
        if blocks.count < 2:
            return -np.inf, mean
        error = float(np.sqrt((off**2).sum() * blocks.count / (blocks.count - 1))) / len(gains)
        return mean + float(stdtrit(blocks.count - 1, CHANCE)) * error, mean


def _lengths(older: int, held_out: int) -> Iterator[int]:
    """How many rows count as recent: from a quarter of those held out, twice as many each, up to half of all."""
    length = max(LEAST, held_out // 4)
    while length <= older // 2:
        yield length
        length *= 2


def sides_in_reach(frame: pd.DataFrame, problem: Problem, contract: Contract) -> Sides:
    """The side of each row (`__side` says what it is so far): "older" for those from before a break.

    Where there is none, where the split is not by time, or with `split.forget: false`, all stay where they are.
    """
    sides: Sides = frame["__side"].to_numpy(dtype=object)
    if not problem.split.forget or np.isnat(test_start(frame)):
        return sides
    names = [feature.name for feature in problem.features.history]
    recent = frame[frame["__side"] != "older"]
    reach = find_reach(recent, problem, contract, names, int((sides == "test").sum()))
    return sides if reach is None else _sides(frame, reach)


def _sides(frame: pd.DataFrame, reach: Reach) -> Sides:
    times, sides = frame["__time"].to_numpy(), np.full(len(frame), "train", dtype=object)
    sides[times >= reach.validation] = "validation"
    sides[times >= reach.test] = "test"
    sides[frame["__y"].isna().to_numpy()] = "unlabelled"
    sides[times < reach.since] = "older"
    return sides
