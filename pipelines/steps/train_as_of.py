"""Train as of: the steps of a training in a throw-away home, and the gate's decision against another such training.

What comes out depends on the moment alone, so that every policy that trains then shares it.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from filelock import FileLock

from pipelines.core.backtesting.candidates import Candidate, Tried
from pipelines.core.checks.decision import Change
from pipelines.core.contract import Contract
from pipelines.core.errors import ContractError, NotEnoughData
from pipelines.core.gate import decide_challenger
from pipelines.core.scorecard import Scorecard
from pipelines.core.scoring import score
from pipelines.core.settings import Settings
from pipelines.core.watching.release_side import ReleaseSide
from pipelines.steps.evaluate import evaluate
from pipelines.steps.featurize import featurize
from pipelines.steps.ingest import ingest
from pipelines.steps.prepare import prepare
from pipelines.steps.train import train
from pipelines.stores.bundles.bundle import Bundle, write_bundle
from pipelines.stores.bundles.model_file import load_model
from pipelines.stores.data.tables import read_parquet
from pipelines.stores.problems.contracts import read_contract
from pipelines.stores.problems.problem_files import LoadedProblem
from pipelines.stores.releases.release_files import labelled_span
from pipelines.stores.releases.watched_release import release_side
from pipelines.stores.storage.files import read_json, write_json

_TABLES = ("prepared.parquet", "contract.json", "features.parquet")
_MODEL = ("model.skops", "trained.json")


@dataclass(frozen=True)
class TrainedCandidate:
    """A candidate in its folder, and the folder of the duel that it was judged in."""

    loaded: LoadedProblem
    as_of: datetime
    folder: Path
    duel: Path
    labels: int

    @cached_property
    def pipeline(self) -> Any:
        """The fitted pipeline, its digest compared with the training's."""
        return load_model(self.folder / "model.skops", read_json(self.folder / "trained.json")["digest"])

    @cached_property
    def contract(self) -> Contract:
        """The contract that it was trained under."""
        return read_contract(self.folder / "contract.json")

    def score(self, frame: pd.DataFrame) -> np.ndarray:
        """Its answers to contract-typed rows with their history columns."""
        return score(self.pipeline, self.contract.task, frame)

    def side(self, version: int) -> ReleaseSide:
        """Its held-out rows with its answers."""
        history = [one.name for one in self.loaded.problem.features.history]
        reference = read_parquet(self.duel / "reference.parquet")
        return release_side(version, self.contract, history, reference, read_json(self.duel / "scorecard.json"))


@dataclass(frozen=True)
class TrainingRoom:
    """A home of its own for all trainings of one backtest; nothing in it is known to the ledger or the registry."""

    loaded: LoadedProblem
    settings: Settings

    def __call__(self, as_of: datetime, champion: tuple[Candidate, int] | None, change: Change | None) -> Tried:
        """Train on what was known at `as_of`, evaluate beside the champion, and let the gate decide."""
        folder = self._folder(as_of)
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_suffix(".lock")):
            try:
                facts = self._trained(folder, as_of)
                duel, seconds = self._duel(folder, as_of, champion)
            except (NotEnoughData, ContractError) as error:
                return Tried(None, None, str(error), None, 0, 0.0)
        card = Scorecard.model_validate(read_json(duel / "scorecard.json"))
        decision = decide_challenger(self.loaded.problem, card, change=change)
        candidate = TrainedCandidate(self.loaded, as_of, folder, duel, facts["labels"])
        cost = facts["cpu_seconds"] + seconds
        return Tried(candidate, decision, None, facts["learner"], facts["rows"], cost)

    def tidy(self) -> None:
        """Remove what can be made again in seconds: tables, snapshots and their copies."""
        home = self.settings.home
        for name in ("data", "remote", ".dvc", "quarantine", "datasheets"):
            shutil.rmtree(home / name, ignore_errors=True)
        (home / "data.dvc").unlink(missing_ok=True)
        for folder in (home / "runs").glob("*/"):
            shutil.rmtree(folder / "history", ignore_errors=True)
            for name in ("prepared.parquet", "features.parquet"):
                (folder / name).unlink(missing_ok=True)

    def _folder(self, as_of: datetime) -> Path:
        return self.settings.home / "runs" / f"{as_of:%Y%m%dT%H%M%S%f}"

    def _trained(self, folder: Path, as_of: datetime) -> dict[str, Any]:
        """What the training left behind; the steps run unless it is whole."""
        marker = folder / "training.json"
        if marker.is_file():
            return dict(read_json(marker))
        began = time.process_time()
        ingested = self._tables(folder, as_of)
        trained = train(self.loaded, folder)
        span = labelled_span(folder)
        facts = {
            "rows": ingested,
            "labels": span.labels,
            "learner": trained.learner,
            "trained_until": span.trained_until,
            "digest": trained.digest,
            "cpu_seconds": round(time.process_time() - began, 3),
        }
        write_json(marker, facts)
        return facts

    def _tables(self, folder: Path, as_of: datetime) -> int:
        """The steps before training; gives the rows of the snapshot."""
        ingested = ingest(self.loaded, self.settings, as_of)
        prepare(self.loaded, ingested, folder)
        featurize(self.loaded, folder)
        return ingested.rows

    def _duel(self, folder: Path, as_of: datetime, champion: tuple[Candidate, int] | None) -> tuple[Path, float]:
        """The folder of the scorecard against this champion, and the CPU seconds that it took."""
        name = "first" if champion is None else f"{champion[0].as_of:%Y%m%dT%H%M%S%f}"
        duel = folder / "duels" / name
        marker = duel / "duel.json"
        if marker.is_file():
            return duel, float(read_json(marker)["cpu_seconds"])
        began = time.process_time()
        if not (folder / "features.parquet").is_file():
            self._tables(folder, as_of)
        duel.mkdir(parents=True, exist_ok=True)
        for one in (*_TABLES, *_MODEL):
            (duel / one).unlink(missing_ok=True)
            (duel / one).symlink_to(folder / one)
        evaluate(self.loaded, duel, None if champion is None else self._bundle(*champion))
        seconds = round(time.process_time() - began, 3)
        write_json(marker, {"cpu_seconds": seconds})
        return duel, seconds

    def _bundle(self, champion: Candidate, version: int) -> Bundle:
        """The champion as evaluation knows it: a bundle with the documents that it reads."""
        folder = self._folder(champion.as_of)
        bundle = folder / "bundle"
        with FileLock(folder / "bundle.lock"):
            if not (bundle / "manifest.json").is_file():
                facts = read_json(folder / "training.json")
                bundle.mkdir(exist_ok=True)
                shutil.copyfile(folder / "model.skops", bundle / "model.skops")
                documents = {
                    "release.json": {"model_digest": facts["digest"], "trained_until": facts["trained_until"]},
                    "contract.json": read_json(folder / "contract.json"),
                    "problem.json": self.loaded.problem.model_dump(mode="json"),
                }
                write_bundle(bundle, documents, {})
        return Bundle(bundle, version)


def throw_away_settings(settings: Settings, home: Path, fresh: bool) -> Settings:
    """Settings whose home is `home`; reading the source goes by the real home's cache."""
    if fresh:
        shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True, exist_ok=True)
    shared = settings.home / "cache"
    shared.mkdir(parents=True, exist_ok=True)
    if not (home / "cache").exists():
        (home / "cache").symlink_to(shared)
    nowhere_else = {"data": None, "data_remote": None, "history_root": None}
    return settings.model_copy(update={"home": home, **nowhere_else})
