"""Gradient boosting: scikit-learn's histogram gradient boosting, and LightGBM.

Both are fitted with as many rounds as the size allows; the search then reads off which number was best.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from pipelines.core.estimators import LightGBMClassifier, LightGBMRegressor
from pipelines.core.learner import ALL_TASKS, Learner, Params, Size, Trial
from pipelines.core.problem import Task

_MOST_WORK = 3e6  # of one round of histogram gradient boosting, which LightGBM does faster from there on


def _boosting_work(size: Size) -> float:
    """Table cells that one round of boosting reads; below some rows the columns alone cost."""
    return max(size.rows, 2_000) * size.columns * (size.outputs if size.outputs > 2 else 1) * size.fits


def _rounds(size: Size, budget: float, most: int) -> int:
    return int(np.clip(budget / _boosting_work(size), 40, most))


def _histogram(task: Task, params: Params, seed: int, threads: int) -> Any:
    kind = HistGradientBoostingRegressor if task == "regression" else HistGradientBoostingClassifier
    return kind(**{"random_state": seed, "early_stopping": False, **params})


def _histogram_defaults(size: Size) -> list[Params]:
    return [
        {
            "max_iter": _rounds(size, 5e8, 250),
            "learning_rate": 0.08,
            "max_leaf_nodes": 31,
            "min_samples_leaf": _leaf(size),
            "l2_regularization": 1.0,
        }
    ]


def _histogram_space(trial: Trial, size: Size) -> Params:
    return {
        "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.2, log=True),
        "max_leaf_nodes": trial.suggest_int("max_leaf_nodes", 4, 63, log=True),
        "min_samples_leaf": trial.suggest_int("min_samples_leaf", 2, max(4, min(200, size.rows // 10)), log=True),
        "l2_regularization": trial.suggest_float("l2_regularization", 1e-3, 30.0, log=True),
    }


def _lightgbm(task: Task, params: Params, seed: int, threads: int) -> Any:
    kind = LightGBMRegressor if task == "regression" else LightGBMClassifier
    return kind(**{"random_state": seed, "n_jobs": threads, **params})


def _lightgbm_defaults(size: Size) -> list[Params]:
    huge = size.rows > 50_000 and _boosting_work(size) > 5e6
    rounds = _rounds(size, 6e9 if huge else 5e8 if _wide(size) else 1e9, 200 if huge else 400)
    return [
        {
            "n_estimators": rounds,
            "learning_rate": 0.05 if rounds >= 300 else 0.1,
            "num_leaves": 15 if _wide(size) else 63 if huge else 31,
            "min_child_samples": _leaf(size),
            # Where few of many columns matter, trees that see only some of them go astray.
            "colsample": 1.0 if _wide(size) else 0.8,
            "reg_lambda": 1.0,
            "max_bin": 63 if _wide(size) else 255,
        }
    ]


def _lightgbm_space(trial: Trial, size: Size) -> Params:
    return {
        "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.2, log=True),
        "num_leaves": trial.suggest_int("num_leaves", 4, 31 if _wide(size) else 127, log=True),
        "min_child_samples": trial.suggest_int("min_child_samples", 2, max(4, min(200, size.rows // 10)), log=True),
        "reg_lambda": trial.suggest_float("reg_lambda", 1e-3, 30.0, log=True),
    }


def _wide(size: Size) -> bool:
    """Whether going through the columns of every leaf is what costs: fewer bins and leaves then do as well."""
    return size.columns > 150


def _leaf(size: Size) -> int:
    """Rows that a leaf needs: 20, but fewer where there are few rows to begin with."""
    return int(np.clip(size.rows // 40, 3, 20))


HISTOGRAM = Learner(
    name="histogram_gradient_boosting",
    tasks=ALL_TASKS,
    flavour="tree",
    build=_histogram,
    defaults=_histogram_defaults,
    space=_histogram_space,
    affordable=lambda size: _boosting_work(size) <= _MOST_WORK,
    rounds="max_iter",
)

LIGHTGBM = Learner(
    name="lightgbm",
    tasks=ALL_TASKS,
    flavour="tree",
    build=_lightgbm,
    defaults=_lightgbm_defaults,
    space=_lightgbm_space,
    affordable=lambda size: True,
    rounds="n_estimators",
)
