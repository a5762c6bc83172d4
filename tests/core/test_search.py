"""The search: defaults first, then the best; the budget and what a person fixed are kept."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from pipelines.core.learner import Size
from pipelines.core.learners import CATALOGUE
from pipelines.core.problem import Search as Budget
from pipelines.core.search import Entry, Search, Tools
from pipelines.core.trials import Judge, Judged

SIZE = Size("binary", 1_000, 10)
LOSS = {"linear": 0.5, "random_forest": 0.9, "lightgbm": 0.4}


class Draws:
    """A study that draws the middle of everything, and remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[float] = []

    def ask(self) -> Any:
        return SimpleNamespace(
            suggest_float=lambda name, low, high, log=False: (low + high) / 2,
            suggest_int=lambda name, low, high, log=False: (low + high) // 2,
        )

    def tell(self, trial: Any, values: float) -> None:
        self.told.append(values)


class Fake:
    """A judge that knows what each learner is worth without fitting anything."""

    folds = ((np.arange(500), np.arange(500)),)
    metric = "log_loss"

    def __call__(self, learner: Any, params: Any, threads: int, searched_rounds: bool) -> Judged:
        rounds = (40 if searched_rounds else params[learner.rounds]) if learner.rounds else None
        return Judged(LOSS[learner.name], LOSS[learner.name], rounds)


def _search(budget: Budget, *entries: Entry, progress: Any = None) -> tuple[Search, list[Draws]]:
    studies: list[Draws] = []

    def study(seed: int) -> Draws:
        studies.append(Draws())
        return studies[-1]

    tools = Tools(study, lambda cells: nullcontext(1), progress or (lambda done, total, text: None))
    search = Search(budget, cast(Judge, Fake()), list(entries), tools)
    search.run()
    return search, studies


ALL = [Entry(CATALOGUE[name], SIZE) for name in LOSS]


def test_defaults_first_then_two_of_three_trials_go_to_the_best() -> None:
    search, studies = _search(Budget(trials=10), *ALL)
    tried = [trial.learner for trial in search.trials]
    assert tried[:4] == ["linear", "random_forest", "lightgbm", "linear"]
    assert tried[4:] == ["lightgbm", "linear", "lightgbm", "lightgbm", "linear", "lightgbm"]
    assert sorted(len(study.told) for study in studies) == [2, 4]
    assert search.best.learner == "lightgbm"
    assert search.best.number == 2
    assert not search.cut_short


def test_a_small_budget_is_kept() -> None:
    search, _ = _search(Budget(trials=2), *ALL)
    assert [trial.learner for trial in search.trials] == ["linear", "random_forest"]


def test_a_time_limit_ends_the_search_after_the_first_trial_and_says_so() -> None:
    search, _ = _search(Budget(trials=10, seconds=1e-9), *ALL)
    assert len(search.trials) == 1
    assert search.cut_short


def test_what_a_person_fixed_is_not_searched() -> None:
    fixed = {"learning_rate": 0.3, "num_leaves": 5, "min_child_samples": 2, "reg_lambda": 0.0, "n_estimators": 77}
    search, studies = _search(Budget(trials=10), Entry(CATALOGUE["lightgbm"], SIZE, fixed))
    assert len(search.trials) == 1
    assert not studies
    params = search.choice(100_000)[1]
    assert fixed.items() <= params.items()
    partly, _ = _search(Budget(trials=3), Entry(CATALOGUE["lightgbm"], SIZE, {"num_leaves": 5}))
    assert [trial.params["num_leaves"] for trial in partly.trials] == [5, 5, 5]


def test_more_rows_carry_more_rounds_up_to_the_most() -> None:
    search, _ = _search(Budget(trials=3), *ALL)
    assert search.choice(500)[1]["n_estimators"] == 40
    assert search.choice(5_000)[1]["n_estimators"] == 80
    assert search.choice(10_000_000)[1]["n_estimators"] == 400


def test_progress_is_told_of_every_trial() -> None:
    told: list[tuple[int, int, str]] = []
    search, _ = _search(Budget(trials=3), *ALL, progress=lambda *news: told.append(news))
    search.tell("fitted", done=True)
    assert told == [
        (0, 4, "trying linear"),
        (1, 4, "trying random_forest"),
        (2, 4, "trying lightgbm"),
        (4, 4, "fitted"),
    ]
