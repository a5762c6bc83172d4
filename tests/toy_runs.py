"""Runs as the steps before evaluation leave them, made in a second: for the tests of what comes after."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipelines.core.contract import infer_contract
from pipelines.core.digest import model_digest
from pipelines.core.gate import Decision, decide_release
from pipelines.core.learners import make_pipeline
from pipelines.core.scorecard import Scorecard
from pipelines.core.settings import Settings
from pipelines.steps.featurize import featurize
from pipelines.steps.prepare import prepare_frame, split_since
from pipelines.stores.bundles.model_file import save_model
from pipelines.stores.code_version import code_version, run_key
from pipelines.stores.data.tables import write_parquet
from pipelines.stores.problems.problem_files import LoadedProblem, parse_problem
from pipelines.stores.releases.release_files import Lineage
from pipelines.stores.storage.files import read_json, write_json

AS_OF = datetime(2024, 6, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Ingested:
    """What a release reads of an ingest."""

    snapshot: str
    path: str
    rows: int
    datasheet_path: str


@dataclass(frozen=True)
class Run:
    """A run that is trained and not yet evaluated."""

    loaded: LoadedProblem
    folder: Path
    ingested: Ingested


def trains_table(rows: int, seed: int = 0) -> pd.DataFrame:
    """Was it late? `rain` and `line` tell much, `noise` nothing; nulls, odd texts and a history by line."""
    source = np.random.default_rng(seed)
    line = source.choice(["S1", "S2", "Übersee"], rows)
    rain, noise = source.normal(size=(2, rows))
    chance = 1 / (1 + np.exp(-(2 * rain + 4 * (line == "S1") - 1)))
    frame = pd.DataFrame(
        {
            "at": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(rows) * 90, "min"),
            "rain": np.where(source.random(rows) < 0.05, np.nan, rain),
            "noise": noise,
            "line": pd.Series(np.where(source.random(rows) < 0.05, None, line), dtype=object),
            "late": source.random(rows) < chance,
        }
    )
    return frame.astype({"at": "datetime64[us]"})


def make_run(
    settings: Settings,
    rows: int = 600,
    seed: int = 0,
    hidden: tuple[str, ...] = (),
    strength: float = 1.0,
    window: str = "7d",
    target: str = "late",
    extra: str = "",
) -> Run:
    """A run on `rows` trains; a model that `hidden` columns are kept from is a worse one."""
    ignored = "".join(f"  - {name}\n" for name in hidden)
    text = (
        f"name: trains\ndata:\n  source: trains.csv\n  target: {target}\n  time: at\n  label_delay: 1h\n"
        f"features:\n  history:\n  - {{name: rate, by: [line], of: late, window: {window}}}\n"
        + (f"  ignored:\n{ignored}" if ignored else "")
        + f"learners: [{{name: linear, params: {{C: {strength}}}}}]\n"
        + extra
    )
    loaded = LoadedProblem(parse_problem(text, Path("trains.yaml")), text, Path("trains.yaml"), Path())
    frame = trains_table(rows, seed)
    contract = infer_contract(loaded.problem, frame)
    snapshot = f"{rows:032d}{seed:032d}"
    folder = settings.work("trains") / run_key(snapshot, loaded.problem.digest, code_version().digest)
    if folder.exists():
        shutil.rmtree(folder)
    prepared = prepare_frame(loaded.problem, contract, frame)
    prepared["__side"] = split_since(loaded.problem, contract, prepared, AS_OF)
    write_json(folder / "contract.json", contract.model_dump(mode="json"))
    write_parquet(prepared, folder / "prepared.parquet")
    features = pd.read_parquet(featurize(loaded, folder))
    fitted = features[features["__side"] != "test"]
    pipeline = make_pipeline("linear", contract, ["rate"], contract.task, {"C": strength}, 0)
    names = [column.name for column in contract.features if column.kind != "ignored"] + ["rate"]
    pipeline.fit(fitted[names], fitted["__y"])
    save_model(pipeline, folder / "model.skops")
    digest = model_digest(pipeline)
    trained: dict[str, Any] = {"learner": "linear", "params": {"C": strength}, "digest": digest, "rows": len(fitted)}
    write_json(folder / "trained.json", trained)
    return Run(loaded, folder, Ingested(snapshot, str(folder / "prepared.parquet"), rows, ""))


def judged(run: Run, champion: Any, evaluate: Any) -> tuple[Scorecard, Decision]:
    """The run's scorecard and what the gate says of it."""
    card = Scorecard.model_validate(read_json(evaluate(run.loaded, run.folder, champion)))
    return card, decide_release(run.loaded.problem, card)


def lineage(run: Run, run_id: str = "r1") -> Lineage:
    """Where the run comes from."""
    return Lineage(
        run_id=run_id,
        run_key=run.folder.name,
        snapshot=run.ingested.snapshot,
        source=run.ingested.path,
        rows=run.ingested.rows,
        as_of=AS_OF,
        code=code_version(),
        datasheet=None,
    )
