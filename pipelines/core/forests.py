"""Random forests."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from pipelines.core.learner import ALL_TASKS, Learner, Params, Size, Trial
from pipelines.core.problem import Task

_MOST_WORK = 1.5e6  # of one tree, for a forest to be among the defaults


def _forest(task: Task, params: Params, seed: int, threads: int) -> Any:
    # Trees grow side by side without waiting for each other: all cores, whatever suits the others.
    kind = RandomForestRegressor if task == "regression" else RandomForestClassifier
    return kind(**{"random_state": seed, "n_jobs": -1, **params})


def _forest_work(size: Size) -> float:
    """Comparisons of one tree: rows x log rows x columns tried at each split."""
    tried = 0.4 * size.columns if size.task == "regression" else size.columns**0.5
    return size.rows * np.log2(max(size.rows, 2)) * max(tried, 1.0)


def _forest_defaults(size: Size) -> list[Params]:
    trees = int(np.clip(1e8 / (_forest_work(size) * size.fits), 50, 200))
    leaf = 2 if size.task == "regression" else 3
    most = 0.4 if size.task == "regression" else "sqrt"
    # A forest of very many rows gains nothing from each tree seeing them all, and its file would be huge.
    sample = {"max_samples": round(50_000 / size.rows, 4)} if size.rows > 50_000 else {}
    starts: list[Params] = [{"n_estimators": trees, "min_samples_leaf": leaf, "max_features": most, **sample}]
    if size.task == "regression":
        # Where few columns say nearly all, trees that may look at every column and grow out are far ahead.
        starts.append({"n_estimators": trees, "min_samples_leaf": 1, "max_features": 1.0, **sample})
    return starts


def _forest_space(trial: Trial, size: Size) -> Params:
    # Around the root of the columns for classes: with many columns a share of them would take for ever.
    low, high = (0.1, 1.0) if size.task == "regression" else (0.5 / size.columns**0.5, 3.0 / size.columns**0.5)
    return {
        "min_samples_leaf": trial.suggest_int("min_samples_leaf", 1, max(2, min(50, size.rows // 20)), log=True),
        "max_features": trial.suggest_float("max_features", min(low, 0.3), min(high, 1.0)),
    }


RANDOM_FOREST = Learner(
    name="random_forest",
    tasks=ALL_TASKS,
    flavour="tree",
    build=_forest,
    defaults=_forest_defaults,
    space=_forest_space,
    affordable=lambda size: _forest_work(size) <= _MOST_WORK,
)
