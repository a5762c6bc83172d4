"""The release of a stream: a scikit-learn model fitted on its first stretch, with its held-out rows as reference."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss, mean_squared_error
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from benchmarks.alarms.rows import DAY, NUMBERS, START, Drawn, classes
from benchmarks.alarms.streams import TRAINING, Stream
from pipelines.core.contract import Contract, infer_contract
from pipelines.core.observation import Answered
from pipelines.core.problem import Problem, Task
from pipelines.core.watching.release_side import ReleaseSide

HELD_OUT = 0.2
_LARGEST = 20_000
RELEASED = START + np.timedelta64(TRAINING, "D")


@dataclass(frozen=True)
class Watched:
    """A release and everything that it answers: `answers` (n,) values or (n, classes) probabilities."""

    problem: Problem
    side: ReleaseSide
    answers: np.ndarray
    held_out: np.ndarray
    """Positions of the reference's rows among the rows drawn."""


@lru_cache
def problem_for(task: Task, window: str = "1d") -> Problem:
    """A problem file that leaves everything but the window to the defaults."""
    features = {"numeric": list(NUMBERS), "categorical": ["region"], "others": "ignore"}
    data = {"source": "stream.csv", "target": "y", "time": "at", "label_known_at": "label_known_at"}
    given = {"name": "stream", "task": task, "data": data, "features": features, "monitoring": {"window": window}}
    return Problem.model_validate(given)


def release(drawn: Drawn) -> Watched:
    """Fit on the oldest four fifths of the labelled rows before day 0, hold out the newest fifth, answer everything."""
    stream = drawn.stream
    labelled = np.flatnonzero((drawn.day < 0) & (drawn.known_at <= RELEASED))
    cut = int(len(labelled) * (1 - HELD_OUT))
    known, held_out = labelled[:cut], labelled[cut:][-_LARGEST:]
    model = _pipeline(stream).fit(drawn.features.iloc[known], drawn.labels[known])
    answers = _answers(stream, model, drawn.features)
    reference = Answered(
        drawn.features.iloc[held_out].reset_index(drop=True),
        drawn.moments[held_out],
        answers[held_out],
        drawn.labels[held_out],
        {},
    )
    side = ReleaseSide(
        version=1,
        contract=_contract(drawn, known),
        history=(),
        reference=reference,
        losses=_losses(stream, reference),
        usage=_usage(stream, model, reference),
        label_delay=timedelta(days=float(np.quantile((drawn.known_at - drawn.moments)[held_out], 0.95) / DAY)),
    )
    return Watched(problem_for(stream.task), side, answers, held_out)


def _pipeline(stream: Stream) -> Pipeline:
    regression = stream.task == "regression"
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    columns = make_column_transformer(
        (numbers, list(NUMBERS)), (OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["region"])
    )
    if stream.learner == "trees":
        kind = HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier
        return make_pipeline(columns, kind(max_iter=60, max_leaf_nodes=15, random_state=0))
    return make_pipeline(columns, Ridge() if regression else LogisticRegression())


def _answers(stream: Stream, model: Pipeline, rows: pd.DataFrame) -> np.ndarray:
    return model.predict(rows) if stream.task == "regression" else model.predict_proba(rows)


def _contract(drawn: Drawn, known: np.ndarray) -> Contract:
    names = np.array(classes(drawn.stream), dtype=object)
    rows = known[-5000:]
    labels = names[drawn.labels[rows].astype(int)] if len(names) else drawn.labels[rows]
    table = drawn.features.iloc[rows].assign(at=drawn.moments[rows], label_known_at=drawn.known_at[rows], y=labels)
    return infer_contract(problem_for(drawn.stream.task), table.reset_index(drop=True))


def _losses(stream: Stream, reference: Answered) -> dict[str, float]:
    if stream.task == "regression":
        squared = float(mean_squared_error(reference.labels, reference.scores))
        return {"rmse": squared**0.5, "mse": squared}
    every = list(range(reference.scores.shape[1]))
    return {"log_loss": float(log_loss(reference.labels, reference.scores, labels=every))}


def _usage(stream: Stream, model: Pipeline, reference: Answered) -> dict[str, float]:
    """Shares by how far the answers move when a column is shuffled."""
    rows = reference.frame.iloc[:2000]
    before = _answers(stream, model, rows)
    moved = {}
    for at, name in enumerate(rows.columns):
        shuffled = np.random.default_rng(at).permutation(rows[name].to_numpy())
        moved[name] = float(np.abs(_answers(stream, model, rows.assign(**{name: shuffled})) - before).mean())
    return {name: one / sum(moved.values()) for name, one in moved.items()}
