"""Train: the search for learner and parameters, and the final fit of the one that it finds."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from threadpoolctl import threadpool_limits

from pipelines.core.digest import model_digest
from pipelines.core.errors import NotEnoughData
from pipelines.core.features import Flavour, width
from pipelines.core.learner import Params, Size
from pipelines.core.learners import default_learners, find_learner
from pipelines.core.search import Entry, Progress, Search, Tools, Trial
from pipelines.core.trials import Judge, fit_final, fit_rows, search_folds
from pipelines.steps.spread_trials import EARLY, spread_trials
from pipelines.stores.bundles.model_file import save_model
from pipelines.stores.data.tables import read_parquet
from pipelines.stores.problems.contracts import read_contract
from pipelines.stores.storage.files import write_json

if TYPE_CHECKING:
    from optuna.study import Study

    from pipelines.core.contract import Contract
    from pipelines.core.problem import Problem
    from pipelines.stores.compute.cluster import Cluster
    from pipelines.stores.problems.problem_files import LoadedProblem

_THREADED_CELLS = 5_000_000  # below, threads that wait for each other gain little, and lose much on a busy machine


@dataclass(frozen=True)
class Trained:
    """What one training left behind; every field is JSON. `value`: the primary metric on the search's rows.

    `seconds` and `cpu_seconds` are those of search and fit together: what they cost.
    """

    learner: str
    params: Params
    digest: str
    metric: str
    value: float | None
    trials: list[Trial]
    search_seconds: float
    cut_short: bool
    rows: int
    search_rows: int
    folds: int
    seconds: float
    cpu_seconds: float


def train(
    loaded: LoadedProblem, folder: Path, progress: Progress | None = None, cluster: Cluster | None = None
) -> Trained:
    """folder/model.skops and folder/trained.json: the best learner of the search, fitted on all rows it may see.

    The same features, contract and problem give the same digest. `progress(done, total, text)` is told of each
    trial; with a `cluster` its processes judge them. NotEnoughData when too few labels were known, or all are of one
    class.
    """
    problem, began = loaded.problem, (time.monotonic(), time.process_time())
    contract = read_contract(folder / "contract.json")
    frame = read_parquet(folder / "features.parquet")
    rows = fit_rows(frame)
    if contract.task != "regression" and frame["__y"].iloc[rows].nunique() < 2:
        raise NotEnoughData(f"all {len(rows)} labels to train on are the same: there is nothing to learn yet")
    history = [feature.name for feature in problem.features.history]
    folds = search_folds(frame, problem, contract.task, width(contract, history, "tree"))
    judge = Judge(frame, contract, history, folds, problem.primary_metric(contract.task), problem.search.seed)
    entries = _entries(problem, contract, history, len(rows), len(folds))
    tools = Tools(_study, _threads, progress or _silent)
    with _quiet(), spread_trials(cluster, judge, entries, tools) as (judging, tools):
        search = Search(problem.search, judging, entries, tools)
        search.run()
        entry, params = search.choice(len(rows))
        search.tell(f"fitting {entry.learner.name} on {len(rows):,} rows")
        with _threads(len(rows) * entry.size.columns) as threads:
            seed = problem.search.seed
            pipeline = fit_final(frame.iloc[rows], contract, history, entry.learner, params, seed, threads)
    save_model(pipeline, folder / "model.skops")
    trained = _report(search, judge, params, model_digest(pipeline), len(rows), began, judging.cpu_seconds)
    write_json(folder / "trained.json", asdict(trained))
    search.tell(f"{entry.learner.name} is fitted", done=True)
    return trained


def _report(
    search: Search,
    judge: Judge,
    params: Params,
    digest: str,
    rows: int,
    began: tuple[float, float],
    elsewhere: float,
) -> Trained:
    return Trained(
        learner=search.best.learner,
        params=params,
        digest=digest,
        metric=judge.metric,
        value=search.best.value,
        trials=search.trials,
        search_seconds=search.seconds,
        cut_short=search.cut_short,
        rows=rows,
        search_rows=search.rows,
        folds=len(judge.folds),
        seconds=round(time.monotonic() - began[0], 3),
        cpu_seconds=round(time.process_time() - began[1] + elsewhere, 3),
    )


def _entries(problem: Problem, contract: Contract, history: list[str], rows: int, fits: int) -> list[Entry]:
    outputs = len(contract.classes or []) or 1
    flavours: tuple[Flavour, ...] = ("linear", "tree")
    widths = {flavour: width(contract, history, flavour) for flavour in flavours}
    sizes = {name: Size(contract.task, rows, wide, outputs, fits) for name, wide in widths.items()}
    fixed = {choice.name: choice.params for choice in problem.learners}
    # With a budget for fewer, those that are mostly best come first.
    names = list(fixed) or default_learners(contract.task, rows, widths["tree"], outputs, fits)[::-1]
    found = [find_learner(name, contract.task) for name in names]
    return [Entry(learner, sizes[learner.flavour], fixed.get(learner.name, {})) for learner in found]


def _study(seed: int) -> Study:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=EARLY))


def _silent(done: int, total: int, text: str) -> None:
    """Nobody listens."""


@contextmanager
def _threads(cells: int) -> Iterator[int]:
    """How many threads may compute on a table of so many cells; one for linear algebra, whose sums depend on it.

    OMP_NUM_THREADS is kept where it is set: whoever runs several trainings at once says so by it.
    """
    allowed = os.environ.get("OMP_NUM_THREADS", "")
    most = int(allowed) if allowed.isdecimal() and int(allowed) > 0 else 8
    threads = 1 if cells < _THREADED_CELLS else min(most, 8, len(os.sched_getaffinity(0)))
    with threadpool_limits({"blas": 1, "openmp": threads}):
        yield threads


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the two warnings that a search answers by itself: another trial does better."""
    from scipy.linalg import LinAlgWarning
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", LinAlgWarning)
        yield
