"""The catalogue of learners, and the pipeline that each becomes.

To add one, write a `Learner` (see `core/learner.py`) and put it into `CATALOGUE`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.pipeline import Pipeline

from pipelines.core.boosting import HISTOGRAM, LIGHTGBM
from pipelines.core.errors import ProblemError
from pipelines.core.estimators import AllClasses
from pipelines.core.features import build_transformer
from pipelines.core.forests import RANDOM_FOREST
from pipelines.core.learner import ALL_TASKS, Learner, Params, Size
from pipelines.core.linear_models import LINEAR
from pipelines.core.problem import Task

if TYPE_CHECKING:
    from pipelines.core.contract import Contract


def _baseline(task: Task, params: Params, seed: int, threads: int) -> Any:
    return DummyRegressor(**params) if task == "regression" else DummyClassifier(**{"strategy": "prior", **params})


BASELINE = Learner(
    name="baseline",
    tasks=ALL_TASKS,
    flavour="tree",
    build=_baseline,
    defaults=lambda size: [{}],
    space=lambda trial, size: {},
    affordable=lambda size: False,
)

CATALOGUE: dict[str, Learner] = {
    learner.name: learner for learner in (BASELINE, LINEAR, RANDOM_FOREST, HISTOGRAM, LIGHTGBM)
}
"""Every learner by name; those that are affordable are tried by default, in this order."""


def find_learner(name: str, task: Task) -> Learner:
    """The catalogue's entry; ProblemError when there is none, or it does not fit the task."""
    learner = CATALOGUE.get(name)
    fitting = sorted(one.name for one in CATALOGUE.values() if task in one.tasks)
    if learner is None or task not in learner.tasks:
        raise ProblemError(f"learners: there is no {name!r} for {task}; choose from {', '.join(fitting)}")
    return learner


def default_learners(task: Task, rows: int, columns: int, outputs: int = 1, fits: int = 1) -> list[str]:
    """Learners that suit the task and the size of the table, cheap ones first.

    >>> default_learners("binary", 5_000, 20)
    ['linear', 'random_forest', 'histogram_gradient_boosting', 'lightgbm']
    >>> default_learners("binary", 1_400_000, 20)
    ['linear', 'lightgbm']
    """
    size = Size(task, rows, columns, outputs, fits)
    return [one.name for one in CATALOGUE.values() if task in one.tasks and one.affordable(size)]


def make_pipeline(
    learner: str,
    contract: Contract,
    history: Sequence[str],
    task: Task,
    params: Mapping[str, Any],
    seed: int,
    threads: int = 1,
) -> Pipeline:
    """The whole model, unfitted, as one scikit-learn Pipeline: `features`, then `learner`.

    Raises ProblemError for an unknown learner or parameter.
    """
    entry = find_learner(learner, task)
    try:
        estimator = entry.build(task, dict(params), seed, threads)
    except (TypeError, ValueError) as error:
        raise ProblemError(f"learners: {learner}: {error}") from error
    if task != "regression":
        estimator = AllClasses(estimator, len(contract.classes or []))
    transformer = build_transformer(contract, history, entry.flavour, seed)
    return Pipeline([("features", transformer), ("learner", estimator)])


def single_threaded(pipeline: Pipeline) -> Pipeline:
    """The same fitted pipeline, predicting by one thread: threads add up a forest's trees in any order."""
    parts = [pipeline]
    for _, step in pipeline.steps:
        parts += [step, *vars(step).values()]
    for part in parts:
        if "n_jobs" in getattr(part, "__dict__", {}):
            part.n_jobs = 1
    return pipeline
