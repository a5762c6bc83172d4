"""The tasks of the training flow: each a step that finds what it had finished, with its retries."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from prefect import task

from pipelines.core.errors import Busy, NotFound
from pipelines.core.settings import Settings
from pipelines.flows.progress import tell
from pipelines.flows.tries import RETRIES
from pipelines.steps.evaluate import evaluate
from pipelines.steps.featurize import featurize
from pipelines.steps.ingest import Ingested, ingest
from pipelines.steps.once import once
from pipelines.steps.prepare import prepare
from pipelines.steps.release import Asked, release
from pipelines.steps.train import train
from pipelines.stores.bundles.bundle import Bundle
from pipelines.stores.code_version import code_version, run_key
from pipelines.stores.compute.cluster import open_cluster
from pipelines.stores.decisions.ledger import Ledger
from pipelines.stores.problems.problem_files import LoadedProblem
from pipelines.stores.releases.champions import open_champion
from pipelines.stores.storage.files import digest_file


@dataclass(frozen=True)
class Run:
    """One training: its key (snapshot, problem and code) and the folder that its steps write to."""

    key: str
    folder: Path


@task(name="ingest", **RETRIES)
def ingest_source(loaded: LoadedProblem, settings: Settings, as_of: datetime, accept_schema: bool) -> Ingested:
    """The snapshot of what was known at `as_of`; reading the same again gives the same one."""
    tell("ingest", 0, 1, "reading the source")
    ingested = ingest(loaded, settings, as_of, accept_schema)
    tell("ingest", 1, 1, f"{ingested.rows:,} rows, {ingested.quarantined:,} quarantined")
    return ingested


def open_run(loaded: LoadedProblem, settings: Settings, ingested: Ingested) -> Run:
    """The run that snapshot, problem and code name; the same three find the same folder."""
    key = run_key(ingested.snapshot, loaded.problem.digest, code_version().digest)
    folder = settings.work(loaded.problem.name) / key
    folder.mkdir(parents=True, exist_ok=True)
    return Run(key, folder)


@task(name="prepare", **RETRIES)
def prepare_rows(loaded: LoadedProblem, ingested: Ingested, run: Run) -> None:
    """Typed and split rows in the run's folder."""
    tell("prepare", 0, 1, "typing and splitting rows")
    inputs = {"contract": digest_file(Path(ingested.contract_path))}
    outputs = ("prepared.parquet", "contract.json")
    once(run.folder, "prepare", inputs, lambda: str(prepare(loaded, ingested, run.folder)), outputs)
    tell("prepare", 1, 1, "split into train, validation and test")


@task(name="featurize", **RETRIES)
def featurize_rows(loaded: LoadedProblem, run: Run) -> None:
    """History features joined as they were known."""
    tell("featurize", 0, 1, f"{len(loaded.problem.features.history)} history features")
    inputs = {"prepared": digest_file(run.folder / "prepared.parquet")}
    outputs = ("features.parquet", "history") if loaded.problem.features.history else ("features.parquet",)
    once(run.folder, "featurize", inputs, lambda: str(featurize(loaded, run.folder)), outputs)
    tell("featurize", 1, 1, f"{len(loaded.problem.features.history)} history features")


@task(name="train", **RETRIES)
def train_model(loaded: LoadedProblem, settings: Settings, run: Run) -> None:
    """The candidate that the search found, here or on the cluster that the settings name."""
    tell("train", 0, 1, "searching")
    inputs = {"features": digest_file(run.folder / "features.parquet")}

    def work() -> dict[str, Any]:
        with open_cluster(settings) as cluster:
            told = partial(tell, "train")
            return asdict(train(loaded, run.folder, progress=told, cluster=cluster))

    once(run.folder, "train", inputs, work, ("model.skops", "trained.json"))


@task(name="evaluate", **RETRIES)
def evaluate_model(loaded: LoadedProblem, settings: Settings, run: Run) -> None:
    """The scorecard, against the champion of the moment; none again once this run was decided on."""
    if _decided(loaded.problem.name, settings, run):
        return  # the champion may be this very candidate by now: a new scorecard would contradict the decision
    tell("evaluate", 0, 1, "scoring held-out rows")
    champion = _champion(loaded.problem.name, settings)
    inputs = {
        "model": digest_file(run.folder / "model.skops"),
        "champion": "none" if champion is None else f"{champion.version} {champion.release.get('run_id')}",
    }
    outputs = ("scorecard.json", "reference.parquet")
    once(run.folder, "evaluate", inputs, lambda: str(evaluate(loaded, run.folder, champion)), outputs)
    tell("evaluate", 1, 1, "no champion yet" if champion is None else f"against version {champion.version}")


@task(name="release", **RETRIES)
def release_model(
    loaded: LoadedProblem,
    settings: Settings,
    run: Run,
    ingested: Ingested,
    as_of: datetime,
    asked: Asked,
) -> dict[str, Any]:
    """The decision and the registered version, as the summary of the whole training."""
    tell("release", 0, 1, "rehearsing, deciding and registering")
    released = release(loaded, settings, run.folder, ingested, as_of, asked.actor, asked.request, because=asked.because)
    tell("release", 1, 1, f"{released.decision}, version {released.version}")
    facts = {"rows": ingested.rows, "quarantined": ingested.quarantined, "as_of": as_of.isoformat()}
    return {**asdict(released), **facts}


def decide_and_release(
    loaded: LoadedProblem,
    settings: Settings,
    run: Run,
    ingested: Ingested,
    as_of: datetime,
    asked: Asked,
) -> dict[str, Any]:
    """Evaluate and release; once more when a person has changed the champion between the two."""
    evaluate_model(loaded, settings, run)
    try:
        return dict(release_model(loaded, settings, run, ingested, as_of, asked))
    except Busy:
        evaluate_model(loaded, settings, run)
        return dict(release_model(loaded, settings, run, ingested, as_of, asked))


def _decided(problem: str, settings: Settings, run: Run) -> bool:
    ledger = Ledger(settings.database)
    try:
        return ledger.find(f"release:{problem}:{run.key}") is not None
    finally:
        ledger.close()


def _champion(problem: str, settings: Settings) -> Bundle | None:
    try:
        return open_champion(settings, problem)
    except NotFound:
        return None
