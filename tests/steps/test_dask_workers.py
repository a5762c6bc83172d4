"""With RATCHET_DASK everything comes out as without it, to the last bit, whatever workers die meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.core.settings import Settings
from pipelines.steps.backtest import backtest
from pipelines.steps.evaluate import evaluate
from pipelines.steps.featurize import featurize
from pipelines.steps.ingest import ingest
from pipelines.steps.prepare import prepare
from pipelines.steps.release import release
from pipelines.steps.score import score_table
from pipelines.steps.train import Trained, train
from pipelines.stores.code_version import code_version, run_key
from pipelines.stores.compute.cluster import open_cluster
from pipelines.stores.logbook.prediction_log import PredictionLog
from pipelines.stores.problems.problem_files import LoadedProblem, load_problem

pytestmark = [pytest.mark.slow, pytest.mark.faults]
AS_OF = datetime(2024, 6, 1, tzinfo=UTC)
START = datetime(2024, 1, 22, tzinfo=UTC)
PROBLEM = """
name: trips
data: {source: trips.csv, target: late, time: at, key: no}
features:
  history: [{name: late_lately, by: line, of: late, window: 14d}]
learners: [linear, random_forest, lightgbm]
search: {trials: 9}
good_enough: {minimum: 0.9, explain_seconds: 0, search_slices: false}
"""


@pytest.fixture(scope="module")
def running(dask_clusters: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A scheduler and two workers."""
    with dask_clusters.dask_processes(tmp_path_factory.mktemp("dask")) as started:
        yield started


@pytest.fixture
def running_again(running: Any) -> Iterator[Any]:
    """The same, with as many workers afterwards as before."""
    yield running
    for process in [one for one in running.workers if one.poll() is not None]:
        running.workers.remove(process)
        running.start_worker()


def trips(rows: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    line, size = rng.choice(["a", "b", "ü"], rows), rng.gamma(2.0, 2.0, rows).round(2)
    late = rng.random(rows) < 1 / (1 + np.exp(3 - size / 1.5 - (line == "a")))
    at = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.sort(rng.random(rows)) * 90, unit="D")
    return pd.DataFrame(
        {"no": np.arange(rows), "at": at.astype("datetime64[s]"), "line": line, "size": size, "late": late}
    )


@pytest.fixture
def run(settings: Settings, tmp_path: Path) -> tuple[LoadedProblem, Any, Path]:
    """A problem, its snapshot, and a run up to its features."""
    trips(900).to_csv(tmp_path / "trips.csv", index=False)
    (tmp_path / "trips.yaml").write_text(PROBLEM)
    loaded = load_problem(str(tmp_path / "trips.yaml"))
    ingested = ingest(loaded, settings, AS_OF)
    folder = settings.work("trips") / run_key(ingested.snapshot, loaded.problem.digest, code_version().digest)
    folder.mkdir(parents=True)
    prepare(loaded, ingested, folder)
    featurize(loaded, folder)
    return loaded, ingested, folder


def _found(trained: Trained) -> tuple[Any, ...]:
    """Without what differs between two equal trainings: the time they took."""
    trials = [(one.number, one.learner, one.params, one.value, one.loss) for one in trained.trials]
    return trained.digest, trained.learner, trained.params, trained.value, trials


def test_the_search_finds_the_same_model_and_a_table_gets_the_same_scores(
    running_again: Any, settings: Settings, run: tuple[LoadedProblem, Any, Path], tmp_path: Path
) -> None:
    loaded, ingested, folder = run
    here = train(loaded, folder)
    spread = settings.model_copy(update={"dask": running_again.address})
    victim = running_again.workers[0]

    def kill(done: int, total: int, text: str) -> None:
        if done == 4:
            victim.kill()

    with open_cluster(spread) as cluster:
        assert cluster is not None
        there = train(loaded, folder, kill, cluster)
    assert victim.wait() == -9
    assert _found(there) == _found(here)
    assert len({one.learner for one in there.trials}) == 3

    evaluate(loaded, folder, None)
    assert release(loaded, settings, folder, ingested, AS_OF).decision == "promote"
    trips(700, seed=9).drop(columns="late").to_csv(tmp_path / "table.csv", index=False)
    chunks: dict[str, Any] = {"as_of": AS_OF, "chunk_rows": 50}
    score_table("trips", settings, tmp_path / "table.csv", tmp_path / "here.parquet", log=False, **chunks)

    def lose_the_other(done: int, text: str) -> None:
        if done == 100:
            running_again.start_worker()
            running_again.workers[1].kill()

    log: dict[str, Any] = {"log": True, "progress": lose_the_other}
    scored = score_table("trips", spread, tmp_path / "table.csv", tmp_path / "there.parquet", **chunks, **log)
    assert (scored.rows, scored.answered, scored.logged) == (700, 700, 700)
    ours, theirs = (pd.read_parquet(tmp_path / f"{name}.parquet") for name in ("here", "there"))
    pd.testing.assert_frame_equal(ours.drop(columns="id"), theirs.drop(columns="id"), check_exact=True)
    store = PredictionLog(settings.database)
    try:
        assert sorted(store.window("trips", datetime(2023, 12, 1, tzinfo=UTC), AS_OF)["id"]) == theirs["id"].tolist()
    finally:
        store.close()


def _timeless(found: dict[str, Any]) -> dict[str, Any]:
    """Without the time that things took, and what of the gate's words tells it or a file's size."""
    policies = []
    for one in found["policies"]:
        trainings = [
            {**training, "cpu_seconds": 0, "gate": [text for text in training["gate"] if " MB" not in text]}
            for training in one["trainings"]
        ]
        policies.append({**one, "compute_s": 0, "watch_s": 0, "trainings": trainings})
    return {**found, "seconds": 0, "policies": policies}


def test_a_backtest_on_workers_that_see_the_home_and_one_that_dies(
    running_again: Any, rehearsal_table: Callable[..., LoadedProblem], settings: Settings
) -> None:
    loaded = rehearsal_table()
    only = {"only": ["never", "calendar", "performance"]}
    here = backtest(loaded, settings, (), START, fresh=True, jobs=1, **only)
    told: list[tuple[Any, ...]] = []

    def kill(*words: Any) -> None:
        told.append(words)
        if len([one for one in told if one[0] == "performance"]) == 3:
            running_again.workers[0].kill()

    spread = settings.model_copy(update={"dask": running_again.address})
    there = backtest(loaded, spread, (), START, fresh=True, progress=kill, **only)
    assert running_again.workers[0].wait() == -9
    assert _timeless(there) == _timeless(here)
    assert {one["retrainings"] for one in there["policies"]} != {0}
    assert not list((settings.home / "rehearsals").rglob("seen-*"))
    assert {one[0] for one in told} >= {"never", "calendar", "performance"}


def test_workers_of_other_machines_get_what_they_need(
    running_again: Any,
    rehearsal_table: Callable[..., LoadedProblem],
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As if they did not see the home: the mark that they look for is not there."""
    loaded = rehearsal_table()
    only = {"only": ["never", "performance"]}
    here = backtest(loaded, settings, (), START, jobs=1, **only)
    monkeypatch.setattr(Path, "touch", lambda path, *more, **others: None)
    there = backtest(loaded, settings.model_copy(update={"dask": running_again.address}), (), START, **only)
    assert _timeless(there) == _timeless(here)
    assert not list(running_again.folder.rglob("ratchet-*"))  # and nothing is left there
