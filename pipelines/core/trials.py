"""Trials: which rows a search fits and judges on, and how well a learner with given parameters does there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.utils._param_validation import InvalidParameterError

from pipelines.core.contract import Contract
from pipelines.core.errors import NotEnoughData, ProblemError
from pipelines.core.estimators import at_stages
from pipelines.core.features import Flavour
from pipelines.core.learner import Learner, Params
from pipelines.core.learners import make_pipeline, single_threaded
from pipelines.core.problem import HIGHER_IS_BETTER, Problem, Task
from pipelines.core.resampling import resample
from pipelines.core.splitting import known_before, test_start, validation_start
from pipelines.core.tallies import formulas

SMALL = 2_000
"""Below so many rows, and without a split by time, five folds judge instead of one block."""

_CELLS = 5_000_000  # of the table that one trial fits on
_STAGES = (5, 10, 15, 20, 30, 40, 55, 75, 100, 130, 170, 220, 300)
Fold = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Judged:
    """What a trial found: the primary metric's value, the loss that is minimised, and the rounds that were best."""

    value: float | None
    loss: float
    rounds: int | None


def fit_rows(frame: pd.DataFrame) -> np.ndarray:
    """Positions of the rows that the final fit sees: labelled, not held out, known before the test side starts.

    NotEnoughData when there are fewer than five.
    """
    mine = frame["__side"].isin(["train", "validation"]).to_numpy() & known_before(frame, test_start(frame))
    rows = np.flatnonzero(mine & frame["__y"].notna().to_numpy())
    if len(rows) < 5:
        raise NotEnoughData(f"{len(rows)} labels were known before the held-out rows begin; wait for more")
    return rows


def search_folds(frame: pd.DataFrame, problem: Problem, task: Task, columns: int) -> list[Fold]:
    """Positions to fit and to judge on, for each fold.

    By time, or with enough rows: one fold, training side against validation side, of which only labels known before
    the later side starts count. Else five folds over both, groups and rare classes spread evenly.
    """
    rows = fit_rows(frame)
    side = frame["__side"].to_numpy()[rows]
    start = validation_start(frame)
    most = min(problem.search.max_rows, max(500, _CELLS // columns))
    rng = np.random.default_rng(problem.search.seed)
    if np.isnat(start) and len(rows) < SMALL:
        fold = _fold_numbers(frame.iloc[rows], problem, task, rng)
        folds = [(rows[fold != number], rows[fold == number]) for number in range(5)]
        return [pair for pair in folds if len(pair[0]) and len(pair[1])]
    fit = rows[(side == "train") & known_before(frame, start)[rows]]
    judge = rows[side == "validation"]
    if len(fit) < 5 or not len(judge):
        raise NotEnoughData(
            f"{len(fit)} labels were known when the validation rows begin and {len(judge)} of theirs when the test "
            "rows do: wait for more, or make split.validation and split.test smaller"
        )
    if len(fit) > most:
        times = frame["__time"].to_numpy()[fit]
        newest = np.argsort(times, kind="stable")[-most:]
        fit = fit[np.sort(rng.choice(len(fit), most, replace=False) if np.isnat(start) else newest)]
    if len(judge) > most:
        judge = judge[np.sort(rng.choice(len(judge), most, replace=False))]
    return [(fit, judge)]


def _fold_numbers(frame: pd.DataFrame, problem: Problem, task: Task, rng: np.random.Generator) -> np.ndarray:
    """A fold, 0 to 4, for each row; each class is dealt out in turn, so that one member is no trouble."""
    if problem.split.groups is not None and problem.split.groups in frame.columns:
        codes, names = pd.factorize(frame[problem.split.groups], use_na_sentinel=False)
        return (rng.permutation(len(names)) % 5)[codes]
    shuffled = rng.permutation(len(frame))
    if task != "regression":
        shuffled = shuffled[np.argsort(frame["__y"].to_numpy()[shuffled], kind="stable")]
    fold = np.empty(len(frame), dtype=np.int64)
    fold[shuffled] = np.arange(len(frame)) % 5
    return fold


class Judge:
    """Fits and judges learners on the same folds; what the transformers made is kept between trials."""

    cpu_seconds = 0.0
    """What judging has cost in other processes."""

    def __init__(
        self, frame: pd.DataFrame, contract: Contract, history: Sequence[str], folds: list[Fold], metric: str, seed: int
    ) -> None:
        self._contract, self._history, self.folds = contract, list(history), folds
        self._names = [column.name for column in contract.features if column.kind != "ignored"] + self._history
        self._frame, self.metric, self._seed = frame, metric, seed
        self._y = frame["__y"].to_numpy(dtype=np.float64)
        self._tables: dict[tuple[Flavour, int], tuple[Any, Any]] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Sent to another process it leaves behind what it can make again."""
        return {**self.__dict__, "_tables": {}}

    def __call__(self, learner: Learner, params: Params, threads: int, searched_rounds: bool) -> Judged:
        """How well the learner does, over all folds; with `searched_rounds` boosting stops at its best round."""
        most = int(params.get(learner.rounds, 0)) if learner.rounds else 0
        stages = [*(stage for stage in _STAGES if stage < most and searched_rounds), most] if most else [0]
        found = np.mean([self._fold(number, learner, params, threads, stages) for number in range(len(self.folds))], 0)
        best = int(np.argmin(found[:, 0]))
        value = float(found[best, 1])
        rounds = stages[best] if most else None
        return Judged(value if np.isfinite(value) else None, float(found[best, 0]), rounds)

    def _fold(self, number: int, learner: Learner, params: Params, threads: int, stages: list[int]) -> np.ndarray:
        """(loss, value) after each stage."""
        fit, judge = self.folds[number]
        task = self._contract.task
        pipeline = make_pipeline(learner.name, self._contract, self._history, task, params, self._seed, threads)
        key = (learner.flavour, number)
        if key not in self._tables:
            transformer = clone(pipeline[0])
            table = transformer.fit_transform(self._frame.iloc[fit][self._names], _labels(self._y[fit], task))
            self._tables[key] = (table, transformer.transform(self._frame.iloc[judge][self._names]))
        fitted_on, judged_on = self._tables[key]
        model = _fitted(learner, pipeline[-1], fitted_on, _labels(self._y[fit], task))
        single_threaded(pipeline)
        if stages != [0]:
            answers = at_stages(model, judged_on, stages)
        else:
            answers = [model.predict(judged_on) if task == "regression" else model.predict_proba(judged_on)]
        return np.array([objective(self.metric, task, self._y[judge], scores) for scores in answers])


def objective(metric: str, task: Task, y: np.ndarray, scores: np.ndarray) -> tuple[float, float]:
    """(loss to minimise, value of the metric) of scores on labels `y`.

    A metric that the labels leave undefined gives way to the loss learners minimise; counts of right answers, which
    tie easily, are decided by it.

    >>> objective("rmse", "regression", np.array([1.0, 3.0]), np.array([1.0, 1.0]))[1].round(3)
    np.float64(1.414)
    """
    whole = formulas(task, y, scores, resample(len(y), np.zeros(len(y))))
    one = np.ones((1, 1))
    plain = float(whole["rmse" if task == "regression" else "log_loss"](one)[0])
    value = whole[metric](one)[0]
    if not np.isfinite(value):
        return (plain if metric in ("roc_auc", "r2") else 1.0 + 1e-4 * plain), float("nan")
    loss = -value if metric in HIGHER_IS_BETTER else value
    return float(loss + (1e-4 * plain if metric in ("accuracy", "precision", "recall", "f1") else 0.0)), value


def _fitted(learner: Learner, model: Any, table: Any, labels: np.ndarray) -> Any:
    try:
        return model.fit(table, labels)
    except InvalidParameterError as error:  # scikit-learn looks at parameters only now
        raise ProblemError(f"learners: {learner.name}: {error}") from error


def _labels(y: np.ndarray, task: Task) -> np.ndarray:
    return y if task == "regression" else y.astype(np.int64)


def fit_final(
    frame: pd.DataFrame,
    contract: Contract,
    history: Sequence[str],
    learner: Learner,
    params: Params,
    seed: int,
    threads: int,
) -> Any:
    """The pipeline fitted on all rows of `frame` (their `__y` known), predicting by one thread."""
    names = [column.name for column in contract.features if column.kind != "ignored"] + list(history)
    pipeline = make_pipeline(learner.name, contract, history, contract.task, params, seed, threads)
    labels = _labels(frame["__y"].to_numpy(dtype=np.float64), contract.task)
    return single_threaded(_fitted(learner, pipeline, frame[names], labels))
