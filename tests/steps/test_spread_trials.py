"""Trials begun before their turn: the search is the same, and hardly anything is begun in vain."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import numpy as np
import optuna
import pandas as pd
import pytest

from pipelines.core.contract import infer_contract
from pipelines.core.learner import Size
from pipelines.core.learners import CATALOGUE
from pipelines.core.problem import Problem
from pipelines.core.problem import Search as Budget
from pipelines.core.search import Entry, Search, Tools
from pipelines.core.trials import Judge
from pipelines.steps.spread_trials import EARLY, spread_trials

NAMES = ("lightgbm", "linear", "histogram_gradient_boosting")


@pytest.fixture(scope="module")
def judge() -> Judge:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({name: rng.normal(size=300) for name in "abc"})
    frame["y"] = np.where(frame["a"] * frame["b"] + rng.normal(size=300) > 0, "yes", "no")
    problem = Problem.model_validate({"name": "p", "data": {"source": "p.csv", "target": "y"}})
    contract = infer_contract(problem, frame)
    rows = frame.assign(__y=(frame["y"] == "yes").astype(float)).drop(columns="y")
    return Judge(rows, contract, [], [(np.arange(200), np.arange(200, 300))], "log_loss", 0)


def threads(cells: int) -> Any:
    return nullcontext(1)


def study(seed: int) -> Any:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=EARLY))


def searched(judge: Judge, cluster: Any, trials: int) -> Search:
    entries = [
        Entry(CATALOGUE[name], Size("binary", 200, 3), {"max_iter": 20} if "hist" in name else {}) for name in NAMES
    ]
    with spread_trials(cluster, judge, entries, Tools(study, threads)) as (judging, tools):
        search = Search(Budget(trials=trials), judging, entries, tools)
        search.run()
    return search


@pytest.mark.parametrize("trials", [2, 9, 16])
def test_spread_or_not_the_same_trials_are_made(judge: Judge, dask_clusters: Any, trials: int) -> None:
    cluster = dask_clusters.OnePickle()
    here, there = searched(judge, None, trials), searched(judge, cluster, trials)
    told = [
        [(one.number, one.learner, one.params, one.value, one.loss) for one in side.trials] for side in (here, there)
    ]
    assert told[0] == told[1]
    assert len(told[0]) == trials
    assert here.choice(300)[1] == there.choice(300)[1]
    assert len(cluster.begun) <= trials + 4  # begun in vain only where another learner got ahead
    assert len(cluster.shared) == 1
