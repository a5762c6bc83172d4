"""Linear models: ridge regression for values, logistic regression for classes."""

from __future__ import annotations

from typing import Any

from sklearn.linear_model import LogisticRegression, Ridge

from pipelines.core.learner import ALL_TASKS, Learner, Params, Size, Trial
from pipelines.core.problem import Task


def _linear(task: Task, params: Params, seed: int, threads: int) -> Any:
    if task == "regression":
        return Ridge(**params)
    return LogisticRegression(**{"max_iter": 300, "tol": 1e-4, **params})


def _linear_defaults(size: Size) -> list[Params]:
    wide = size.columns > 150
    if size.task == "regression":
        return [{"alpha": alpha} for alpha in (1.0, 100.0, *([3_000.0] if wide else []))]
    return [{"C": strength} for strength in (1.0, 0.03, *([0.001] if wide else []))]


def _linear_space(trial: Trial, size: Size) -> Params:
    if size.task == "regression":
        return {"alpha": trial.suggest_float("alpha", 1e-2, 1e4, log=True)}
    return {"C": trial.suggest_float("C", 1e-4, 1e2, log=True)}


LINEAR = Learner(
    name="linear",
    tasks=ALL_TASKS,
    flavour="linear",
    build=_linear,
    defaults=_linear_defaults,
    space=_linear_space,
    affordable=lambda size: True,
)
