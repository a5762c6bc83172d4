"""The model that everybody serves: trained once through the platform, in a home of the benchmark's own.

Gives the rows that clients ask about: held-out flights of the end of February 2013, as our callers send them, and as
callers of the other servers must send them, with the history features joined (only Ratchet joins them itself).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd

from pipelines.core.evaluation.reference_table import reference_scores
from pipelines.stores.bundles.bundle import Bundle
from pipelines.stores.code_version import code_version

ROOT = Path(__file__).parents[2]
PLACE = ROOT / ".ratchet" / "bench"
PROBLEM = "flights"
AS_OF = "2013-03-01"
LEARNER = "learners: [histogram_gradient_boosting]"


@dataclass(frozen=True)
class Release:
    """The trained release and what clients ask of it; row i of every part is the same flight."""

    home: Path
    bundle: Path
    joblib: Path
    version: str
    """What of our code trained it."""
    rows: list[dict[str, Any]]
    """As our callers send them."""
    inputs: list[dict[str, Any]]
    """As callers of the other servers send them: the model's own columns."""
    table: pd.DataFrame
    """`rows` as a table, typed."""
    compiled: bool
    """Whether its compiled form was proven equal, and so answers."""
    scores: np.ndarray
    """Probability of the second class, as the pipeline gave it in batch."""


def open_release(retrain: bool = False) -> Release:
    """The release, trained first if there is none yet or if `retrain`."""
    home = PLACE / "home"
    if retrain and home.exists():
        shutil.rmtree(home)
    if not (home / "trained.json").exists():
        _train(home)
    bundle = Bundle.open(next(home.glob(f"work/{PROBLEM}/*/bundle")))
    model = PLACE / "model.joblib"
    joblib.dump(bundle.pipeline, model)
    held_out = pd.read_parquet(bundle.reference_path).sort_values("__time", kind="stable").reset_index(drop=True)
    contract = bundle.contract
    asked = [column.name for column in contract.columns if column.asked]
    known = set(bundle.pipeline.feature_names_in_)
    seen = [name for name in held_out.columns if name in known]
    trained = json.loads((home / "trained.json").read_text())["code"]
    return Release(
        home=home,
        bundle=bundle.folder,
        joblib=model,
        version=trained,
        rows=as_json(held_out[asked]),
        inputs=as_json(held_out[seen]),
        table=held_out[asked],
        compiled=bool(bundle.release["serving"]["compiled"]),
        scores=reference_scores(held_out, contract.classes)[:, 1],
    )


def as_json(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows with what JSON has: a missing value is null, a moment a text."""
    plain = table.astype(object).where(table.notna(), None)
    return [
        {name: value.isoformat() if isinstance(value, pd.Timestamp) else value for name, value in row.items()}
        for row in plain.to_dict("records")
    ]


def _train(home: Path) -> None:
    """`ratchet train` with the shipped problem, its learners cut down to the one that is compared."""
    if home.exists():
        shutil.rmtree(home)
    home.mkdir(parents=True)
    text = (ROOT / "pipelines" / "problems" / f"{PROBLEM}.yaml").read_text()
    lines = [LEARNER if line.startswith("learners:") else line for line in text.splitlines()]
    problem = home / f"{PROBLEM}.yaml"
    problem.write_text("\n".join(lines) + "\n")
    command = [sys.executable, "-m", "pipelines.cli", "train", str(problem), "--as-of", AS_OF]
    subprocess.run(command, cwd=ROOT, env=os.environ | {"RATCHET_HOME": str(home)}, check=True)
    (home / "trained.json").write_text(json.dumps({"code": code_version().digest[:12]}))
